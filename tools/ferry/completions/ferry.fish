# fish completion for ferry

set -l seen __fish_seen_subcommand_from

complete -c ferry -n "not $seen put get verify status rm" -f
complete -c ferry -n "not $seen put get verify status rm" -a put -d 'Upload files, folders or standard input'
complete -c ferry -n "not $seen put get verify status rm" -a get -d 'Download a file'
complete -c ferry -n "not $seen put get verify status rm" -a verify -d 'Compare a file with an upload'
complete -c ferry -n "not $seen put get verify status rm" -a status -d 'Tell how far an upload is'
complete -c ferry -n "not $seen put get verify status rm" -a rm -d 'Remove an upload from the server'
complete -c ferry -n "$seen get status rm" -f

complete -c ferry -n "$seen put" -s r -l recursive -d 'Upload what is in folders'
complete -c ferry -n "$seen put" -s j -l jobs -x -d 'So many uploads at a time'
complete -c ferry -n "$seen put" -l parallel -x -d 'So many parts at a time'
complete -c ferry -n "$seen put" -l protocol -x -a 'tus ietf' -d 'Of the uploads'
complete -c ferry -n "$seen put" -l metadata -x -d 'Tell the server something about the file'
complete -c ferry -n "$seen put" -l checksum -x -a 'sha1 sha256 sha512 md5 crc32 blake2b' -d 'Let the server check every chunk'
complete -c ferry -n "$seen put" -l chunk-size -x -d 'Send no more in one request'
complete -c ferry -n "$seen get" -s o -l output -r -F -d 'Save it under this name'
complete -c ferry -n "$seen get" -l force -d 'Replace a file that is there already'
complete -c ferry -n "$seen put get" -l no-digest -d 'Do not compare digests at the end'
complete -c ferry -n "$seen put get" -l limit-rate -x -d 'No more bytes in one second'
complete -c ferry -n "$seen put get verify status" -l json -d 'Write JSON objects'
complete -c ferry -n "$seen put get verify status rm" -l header -x -d 'Send this with every request'
complete -c ferry -n "$seen put get verify status rm" -l timeout -x -d 'Seconds without a byte'
complete -c ferry -n "$seen put get verify status rm" -l retry-time -x -d 'Give up after so many seconds'
complete -c ferry -n "$seen put get verify status rm" -l retry-delay -x -d 'Milliseconds before the second try'
complete -c ferry -n "$seen put get verify status rm" -l quiet -d 'Say nothing but errors'
complete -c ferry -n "$seen put get verify status rm" -s h -l help -d 'Print what the command does'
complete -c ferry -n "$seen put get verify status rm" -l version -d 'Print the version'

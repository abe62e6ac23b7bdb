# bash completion for ferry

_ferry() {
    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
    local every='--header --timeout --retry-time --retry-delay --quiet --help --version'
    local options
    COMPREPLY=()

    if ((COMP_CWORD == 1)); then
        mapfile -t COMPREPLY < <(compgen -W 'put get verify status rm --help --version' -- "$current")
        return
    fi
    case $previous in
    --checksum)
        mapfile -t COMPREPLY < <(compgen -W 'sha1 sha256 sha512 md5 crc32 blake2b' -- "$current")
        return
        ;;
    --protocol)
        mapfile -t COMPREPLY < <(compgen -W 'tus ietf' -- "$current")
        return
        ;;
    --output | -o)
        mapfile -t COMPREPLY < <(compgen -f -- "$current")
        return
        ;;
    --header | --timeout | --retry-time | --retry-delay | --jobs | -j | --parallel | --metadata | --chunk-size | --limit-rate)
        return
        ;;
    esac

    case ${COMP_WORDS[1]} in
    put) options="--recursive --jobs --parallel --protocol --metadata --checksum --no-digest --chunk-size --limit-rate --json $every" ;;
    get) options="--output --force --no-digest --limit-rate --json $every" ;;
    verify) options="--json $every" ;;
    status) options="--json $every" ;;
    rm) options=$every ;;
    *) return ;;
    esac
    if [[ $current == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$options" -- "$current")
    elif [[ ${COMP_WORDS[1]} == put || ${COMP_WORDS[1]} == verify ]]; then
        mapfile -t COMPREPLY < <(compgen -f -- "$current")
    fi
} && complete -o filenames -F _ferry ferry

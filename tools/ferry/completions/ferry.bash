# bash completion for ferry

_ferry() {
    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
    local every='--header --timeout --help --version'
    local patient="--retry-time --retry-delay --quiet $every"
    local options
    COMPREPLY=()

    if ((COMP_CWORD == 1)); then
        mapfile -t COMPREPLY < <(compgen -W 'put get verify status rm ls top doctor --help --version' -- "$current")
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
    --state)
        mapfile -t COMPREPLY < <(compgen -W 'active stalled complete invalidated damaged' -- "$current")
        return
        ;;
    --output | -o | --api-token-file)
        mapfile -t COMPREPLY < <(compgen -f -- "$current")
        return
        ;;
    --header | --timeout | --retry-time | --retry-delay | --jobs | -j | --parallel | --metadata | --chunk-size | --limit-rate | --older | --newer | --limit)
        return
        ;;
    esac

    case ${COMP_WORDS[1]} in
    put) options="--recursive --jobs --parallel --protocol --metadata --checksum --no-digest --chunk-size --limit-rate --json $patient" ;;
    get) options="--output --force --no-digest --limit-rate --json $patient" ;;
    verify | doctor) options="--json $patient" ;;
    status) options="--follow --json $patient" ;;
    rm) options=$patient ;;
    ls) options="--state --older --newer --metadata --limit --api-token-file --json $patient" ;;
    top) options="--api-token-file $every" ;;
    *) return ;;
    esac
    if [[ $current == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$options" -- "$current")
    elif [[ ${COMP_WORDS[1]} == put || ${COMP_WORDS[1]} == verify || ${COMP_WORDS[1]} == ls || ${COMP_WORDS[1]} == top ]]; then
        mapfile -t COMPREPLY < <(compgen -f -- "$current")
    fi
} && complete -o filenames -F _ferry ferry

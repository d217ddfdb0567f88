# bash completion for oast. Installed as bash-completion/completions/oast, or: eval "$(oast completion bash)"

# The broker that the command line names, as options for another oast.
_oast_broker() {
    local i
    for ((i = 1; i < COMP_CWORD; i++)); do
        case ${COMP_WORDS[i]} in
            -b | --broker) printf '%s\n' -b "${COMP_WORDS[i + 1]}"; return ;;
        esac
    done
}

_oast_kernels() {
    local -a broker
    mapfile -t broker < <(_oast_broker)
    oast ps "${broker[@]}" 2>/dev/null | awk 'NR > 1 && $4 != "dead" { print $2 }'
}

_oast_specs() {
    oast specs 2>/dev/null | awk 'NR > 1 { print $1 }'
}

_oast() {
    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
    local at=1 command options
    while [[ ${COMP_WORDS[at]} == --session* ]] && ((at + 1 < COMP_CWORD)); do ((at += 2)); done
    command=${COMP_WORDS[at]}
    COMPREPLY=()
    if ((COMP_CWORD == at)); then
        mapfile -t COMPREPLY < <(compgen -W "eval run repl specs broker start ps top watch \
            logs wait attach interrupt stop kill end-session jupyter completion \
            --session --session-timeout --help --version" -- "$current")
        return
    fi
    case $previous in
        -k | --spec) mapfile -t COMPREPLY < <(compgen -W "$(_oast_specs)" -- "$current"); return ;;
        --to) mapfile -t COMPREPLY < <(compgen -W "$(_oast_kernels)" -- "$current"); return ;;
        -b | --broker | --runtime-dir | --data-dir | --cwd | --prefix)
            compopt -o filenames
            mapfile -t COMPREPLY < <(compgen -d -- "$current"); return ;;
        --config | --exename)
            compopt -o filenames
            mapfile -t COMPREPLY < <(compgen -f -- "$current"); return ;;
        -s | --signal)
            mapfile -t COMPREPLY < <(compgen -W "KILL TERM INT HUP STOP CONT USR1 USR2" -- "$current")
            return ;;
        --restart)
            mapfile -t COMPREPLY < <(compgen -W "never on-failure always" -- "$current"); return ;;
        --session | --session-timeout | --timeout | --request | --host | --name | --env | --exeflag) return ;;
    esac
    case $command in
        eval) options="--spec --to --broker --timeout --json --no-wait --help" ;;
        logs) options="--from --request --follow --json --broker --help" ;;
        wait) options="--json --broker --help" ;;
        attach) options="--from --broker --help" ;;
        run) options="--spec --to --broker --timeout --help" ;;
        repl) options="--spec --to --broker --help" ;;
        specs | ps | watch) options="--broker --json --help" ;;
        broker) options="--config --runtime-dir --data-dir --help" ;;
        start) options="--spec --name --detach --restart --env --cwd --exename --exeflag --broker --help" ;;
        top) options="--broker --help" ;;
        interrupt) options="--request --host --timeout --kill --json --broker --help" ;;
        stop) options="--timeout --broker --help" ;;
        kill) options="--signal --broker --help" ;;
        end-session) options="--broker --help" ;;
        jupyter)
            options="install run doctor --user --prefix --help"
            [[ " ${COMP_WORDS[*]} " != *" jupyter run "* ]] ||
                options="--out --parameters --timeout --allow-errors --spec --to --broker --help" ;;
        completion) options="bash zsh fish --help" ;;
        *) return ;;
    esac
    if [[ $current == -* || $command == completion || $previous == jupyter ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$options" -- "$current")
        return
    fi
    case $command in
        interrupt | stop | kill | logs | wait | attach)
            mapfile -t COMPREPLY < <(compgen -W "$(_oast_kernels)" -- "$current") ;;
        jupyter)
            if [[ " ${COMP_WORDS[*]} " == *" jupyter run "* ]]; then
                compopt -o filenames
                mapfile -t COMPREPLY < <(compgen -f -- "$current")
            else
                mapfile -t COMPREPLY < <(compgen -W "$(_oast_specs)" -- "$current")
            fi ;;
        run)
            compopt -o filenames
            mapfile -t COMPREPLY < <(compgen -f -- "$current") ;;
    esac
}

complete -F _oast oast

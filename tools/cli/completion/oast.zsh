#compdef oast
# zsh completion for oast. Installed as site-functions/_oast, or: eval "$(oast completion zsh)"

# The broker that the command line names, as options for another oast.
_oast_broker() {
    local i=${words[(I)(-b|--broker)]}
    ((i > 0)) && reply=(-b "${words[i + 1]}") || reply=()
}

_oast_kernels() {
    local -a reply kernels
    _oast_broker
    kernels=(${(f)"$(oast ps $reply 2>/dev/null | awk 'NR > 1 && $4 != "dead" { print $2 }')"})
    _describe -t kernels kernel kernels
}

_oast_specs() {
    local -a specs
    specs=(${(f)"$(oast specs 2>/dev/null | awk 'NR > 1 { print $1 }')"})
    _describe -t specs spec specs
}

_oast_commands() {
    local -a commands
    commands=(
        'eval:evaluate code and print its value'
        'run:run a program from a file'
        'repl:evaluate code as you type it'
        'specs:list the kernel specs'
        'broker:run the broker daemon in the foreground'
        'start:start a kernel in a running broker'
        'ps:list the kernels of a broker'
        'top:watch the kernels of a broker live'
        'watch:print every heartbeat and change of state'
        'logs:print what a kernel has said'
        'wait:wait for a request that was sent with --no-wait'
        'attach:follow a kernel and send it code'
        'interrupt:interrupt what kernels run'
        'stop:stop kernels'
        'kill:send a signal to kernels'
        'end-session:end a session and its kernels'
        'jupyter:offer kernels to Jupyter'
        'completion:print a completion script for a shell'
    )
    _describe -t commands command commands
}

_oast() {
    local curcontext=$curcontext state line
    local -a help broker kernel timeout
    help=('(- *)'{-h,--help}'[show help]')
    broker=('(-b --broker)'{-b,--broker}'[the broker]:broker:_files -/')
    kernel=('(-k --spec --to)'{-k,--spec}'[start a kernel of this spec]:spec:_oast_specs'
        '(-k --spec)--to[use this running kernel]:kernel:_oast_kernels')
    timeout=('--timeout[seconds to wait]:seconds:')
    _arguments -C $help '--version[print the version]' \
        '--session[go on with this session, or begin it]:name:' \
        '--session-timeout[how long it waits for the next command]:seconds:' '1:command:_oast_commands' '*::argument:->rest'
    [[ $state == rest ]] || return
    curcontext=${curcontext%:*:*}:oast-$words[1]:
    case $words[1] in
        eval) _arguments $help $kernel $broker $timeout '--json[print one JSON object]' \
            '--no-wait[print its label and leave it running]' '1:code:' ;;
        logs) _arguments $help $broker '--from[begin with this record]:number:' \
            '--request[only this request]:request:' '--follow[go on]' '--json[print JSON]' \
            '1:kernel:_oast_kernels' ;;
        wait) _arguments $help $broker '--json[print JSON]' '1:kernel:_oast_kernels' '2:request:' ;;
        attach) _arguments $help $broker '--from[begin with this record]:number:' \
            '1:kernel:_oast_kernels' ;;
        run) _arguments $help $kernel $broker $timeout '1:file:_files' '*:argument:_files' ;;
        repl) _arguments $help $kernel $broker ;;
        specs | ps | watch) _arguments $help $broker '--json[print JSON]' ;;
        broker) _arguments $help '--config[its configuration]:file:_files' \
            '--runtime-dir[the directory of its sockets]:directory:_files -/' \
            '--data-dir[the directory of its logs]:directory:_files -/' ;;
        start) _arguments $help $broker '(-k --spec)'{-k,--spec}'[the recipe]:spec:_oast_specs' \
            '--name[its name]:name:' '--detach[it goes on without this command]' \
            '--restart[when it dies]:policy:(never on-failure always)' \
            '*--env[a variable of its environment]:NAME=VALUE:' \
            '--cwd[the directory it works in]:directory:_files -/' \
            '--exename[the program, for specs that take one]:program:_command_names -e' \
            '*--exeflag[a flag for it]:flag:' ;;
        top) _arguments $help $broker ;;
        interrupt) _arguments $help $broker $timeout '--request[only this request]:number:' \
            '--host[the host whose request it is]:peer:' '--kill[kill if it still runs then]' \
            '--json[print one JSON object a line]' \
            '*:kernel:_oast_kernels' ;;
        stop) _arguments $help $broker $timeout '*:kernel:_oast_kernels' ;;
        kill) _arguments $help $broker '(-s --signal)'{-s,--signal}'[the signal]:signal:_signals' \
            '*:kernel:_oast_kernels' ;;
        jupyter) _arguments $help '--user[for this user]' '--prefix[below this]:directory:_files -/' \
            '1:what:(install run doctor)' '*:spec or notebook:_alternative "specs\:spec\:_oast_specs" "files\:notebook\:_files"' ;;
        completion) _arguments $help '1:shell:(bash zsh fish)' ;;
    esac
}

if [[ $funcstack[1] == _oast ]]; then
    _oast "$@"
else
    compdef _oast oast
fi

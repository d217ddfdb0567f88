# fish completion for oast. Installed as vendor_completions.d/oast.fish, or: oast completion fish | source

# The broker that the command line names, as options for another oast.
function __oast_broker
    set -l words (commandline -opc)
    for i in (seq (count $words))
        if contains -- $words[$i] -b --broker; and set -q words[(math $i + 1)]
            printf '%s\n' -b $words[(math $i + 1)]
            return
        end
    end
end

function __oast_kernels
    oast ps (__oast_broker) 2>/dev/null | awk 'NR > 1 && $4 != "dead" { print $2 }'
end

function __oast_specs
    oast specs 2>/dev/null | awk 'NR > 1 { print $1 }'
end

set -l commands eval run repl specs broker start ps top watch logs wait attach interrupt stop kill end-session jupyter completion
set -l no_command "not __fish_seen_subcommand_from $commands"

complete -c oast -f
complete -c oast -s h -l help -d 'Show help'
complete -c oast -n "$no_command" -l version -d 'Print the version'
complete -c oast -n "$no_command" -a eval -d 'Evaluate code and print its value'
complete -c oast -n "$no_command" -a run -d 'Run a program from a file'
complete -c oast -n "$no_command" -a repl -d 'Evaluate code as you type it'
complete -c oast -n "$no_command" -a specs -d 'List the kernel specs'
complete -c oast -n "$no_command" -a broker -d 'Run the broker daemon in the foreground'
complete -c oast -n "$no_command" -a start -d 'Start a kernel in a running broker'
complete -c oast -n "$no_command" -a ps -d 'List the kernels of a broker'
complete -c oast -n "$no_command" -a top -d 'Watch the kernels of a broker live'
complete -c oast -n "$no_command" -a watch -d 'Print every heartbeat and change of state'
complete -c oast -n "$no_command" -a logs -d 'Print what a kernel has said'
complete -c oast -n "$no_command" -a wait -d 'Wait for a request that was sent with --no-wait'
complete -c oast -n "$no_command" -a attach -d 'Follow a kernel and send it code'
complete -c oast -n "$no_command" -a interrupt -d 'Interrupt what kernels run'
complete -c oast -n "$no_command" -a stop -d 'Stop kernels'
complete -c oast -n "$no_command" -a kill -d 'Send a signal to kernels'
complete -c oast -n "$no_command" -a end-session -d 'End a session and its kernels'
complete -c oast -n "$no_command" -l session -x -d 'Go on with this session, or begin it'
complete -c oast -n "$no_command" -l session-timeout -x -d 'How long it waits for the next command'
complete -c oast -n "$no_command" -a jupyter -d 'Offer kernels to Jupyter'
complete -c oast -n "$no_command" -a completion -d 'Print a completion script for a shell'

function __oast_in
    __fish_seen_subcommand_from $argv
end

complete -c oast -n '__oast_in eval run repl specs start ps top watch logs wait attach interrupt stop kill end-session' \
    -s b -l broker -x -a '(__fish_complete_directories)' -d 'The broker'
complete -c oast -n '__oast_in eval run repl start' -s k -l spec -x -a '(__oast_specs)' -d 'The recipe'
complete -c oast -n '__oast_in eval run repl' -l to -x -a '(__oast_kernels)' -d 'Use this running kernel'
complete -c oast -n '__oast_in eval run interrupt stop' -l timeout -x -d 'Seconds to wait'
complete -c oast -n '__oast_in eval specs ps watch logs wait interrupt' -l json -d 'Print JSON'
complete -c oast -n '__oast_in eval' -l no-wait -d 'Print its label and leave it running'
complete -c oast -n '__oast_in logs attach' -l from -x -d 'Begin with this record'
complete -c oast -n '__oast_in logs' -l follow -d 'Go on with what it says'
complete -c oast -n '__oast_in run' -F
complete -c oast -n '__oast_in broker' -l config -r -F -d 'Its configuration'
complete -c oast -n '__oast_in broker' -l runtime-dir -x -a '(__fish_complete_directories)' -d 'The directory of its sockets'
complete -c oast -n '__oast_in broker' -l data-dir -x -a '(__fish_complete_directories)' -d 'The directory of its logs'
complete -c oast -n '__oast_in start' -l name -x -d 'Its name'
complete -c oast -n '__oast_in start' -l detach -d 'It goes on without this command'
complete -c oast -n '__oast_in start' -l restart -x -a 'never on-failure always' -d 'When it dies'
complete -c oast -n '__oast_in start' -l env -x -d 'A variable of its environment'
complete -c oast -n '__oast_in start' -l cwd -x -a '(__fish_complete_directories)' -d 'The directory it works in'
complete -c oast -n '__oast_in start' -l exename -r -F -d 'The program, for specs that take one'
complete -c oast -n '__oast_in start' -l exeflag -x -d 'A flag for it'
complete -c oast -n '__oast_in interrupt stop kill logs wait attach' -a '(__oast_kernels)' -d 'Kernel'
complete -c oast -n '__oast_in interrupt logs' -l request -x -d 'Only this request'
complete -c oast -n '__oast_in interrupt' -l host -x -d 'The host whose request it is'
complete -c oast -n '__oast_in interrupt' -l kill -d 'Kill if it still runs then'
complete -c oast -n '__oast_in kill' -s s -l signal -x -a 'KILL TERM INT HUP STOP CONT USR1 USR2' -d 'The signal'
complete -c oast -n '__oast_in completion' -a 'bash zsh fish' -d 'Shell'
complete -c oast -n '__oast_in jupyter' -a 'install (__oast_specs)' -d 'Write kernelspecs'
complete -c oast -n '__oast_in jupyter' -F -a run -d 'Run a notebook without a server'
complete -c oast -n '__oast_in jupyter' -a doctor -d 'Say what is wrong with the installation'
complete -c oast -n '__oast_in jupyter' -l user -d 'For this user'
complete -c oast -n '__oast_in jupyter' -l prefix -x -a '(__fish_complete_directories)' -d 'Below this'

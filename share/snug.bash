# bash completion for snug; 'snug help completions bash' prints it
_snug() {
    local word=${COMP_WORDS[COMP_CWORD]} words=
    if ((COMP_CWORD == 1)); then words='probe data plan train eval predict runs bench help'; else
        case ${COMP_WORDS[1]} in
        probe) words=' --json --quiet --threads --tier --help' ;;
        data) words=' --show --test --target --ignore --header --task --context --horizon --kind --json --quiet --help' ;;
        plan) words=' --graph --json --quiet --help --validation --model --epochs --steps --batch --optimizer --schedule --precision --lr --seed --tune-kernels --memory --threads --tier --time --set' ;;
        train) words=' --out --runs --resume --json --quiet --help --validation --model --epochs --steps --batch --optimizer --schedule --precision --lr --seed --tune-kernels --memory --threads --tier --time --set' ;;
        eval) words=' --part --test --batch --json --quiet --threads --tier --help' ;;
        predict) words=' --top --part --batch --prompt --tokens --temperature --top-k --top-p --seed --json --quiet --threads --tier --help' ;;
        runs) words=' --runs --json --quiet --help' ;;
        bench) words=' --batch --optimizer --lr --leaves --seconds --ops --json --quiet --threads --tier --help' ;;
        help) words=' --markdown --json --quiet --help' ;;
        esac
    fi
    if [[ $word == -* || $COMP_CWORD == 1 ]]; then
        COMPREPLY=($(compgen -W "$words" -- "$word"))
    else
        COMPREPLY=($(compgen -f -- "$word"))
    fi
}
complete -o filenames -F _snug snug

# Completes the commands of this checkout's ./inv in bash: source it, or put it into ~/.local/share/bash-completion/completions/inv
_pageswap_inv() {
    local word
    COMPREPLY=()
    # Not compgen -W, which would expand a candidate: a file's name may hold $(...).
    while IFS= read -r word; do
        [[ $word != "${COMP_WORDS[COMP_CWORD]#=}"* ]] || COMPREPLY+=("$(printf %q "$word")")
    done < <("@PYTHON@" -P "@START@" --complete -- "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -o default -F _pageswap_inv inv

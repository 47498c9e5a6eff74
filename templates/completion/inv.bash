# Completes the commands of this checkout's ./inv in bash: source it, or put it into ~/.local/share/bash-completion/completions/inv
_pageswap_inv() {
    local found
    found=$("@PYTHON@" -P "@START@" --complete -- "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
    # shellcheck disable=SC2207 # no candidate has a blank
    COMPREPLY=($(compgen -W "$found" -- "${COMP_WORDS[COMP_CWORD]#=}"))
}
complete -o default -F _pageswap_inv inv

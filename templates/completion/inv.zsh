# Completes the commands of this checkout's ./inv in zsh: source it after compinit.
_pageswap_inv() {
    local -a found
    found=(${(f)"$("@PYTHON@" -P "@START@" --complete -- "${(@)words[2,CURRENT]}" 2>/dev/null)"})
    if (( $#found )); then compadd -a found; else _files; fi
}
compdef _pageswap_inv inv

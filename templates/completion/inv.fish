# Completes the commands of this checkout's ./inv in fish: source it, or put it into ~/.config/fish/completions/inv.fish
function __pageswap_inv
    set -l words (commandline --tokenize --cut-at-cursor) (commandline --current-token --cut-at-cursor)
    set -l found ("@PYTHON@" -P "@START@" --complete -- $words[2..] 2>/dev/null)
    if set -q found[1]
        printf '%s\n' $found
    else
        __fish_complete_path $words[-1]
    end
end
complete --command inv --no-files --arguments '(__pageswap_inv)'

"""What shells are told to complete ``kubectl-lws`` with: they ask ``kubectl-lws __complete``, and show that.

``kubectl lws`` is completed by kubectl, which asks ``kubectl_complete-lws``.
"""

from __future__ import annotations

from typing import Final

_BASH: Final = r"""# bash completion for kubectl-lws
_kubectl_lws() {
    local line="${COMP_LINE:0:COMP_POINT}" words candidates candidate current directive
    read -ra words <<<"$line"
    [[ $line == *[[:space:]] ]] && words+=("")
    current="${words[${#words[@]}-1]}"
    mapfile -t candidates < <(kubectl-lws __complete "${words[@]:1}" 2>/dev/null)
    [[ ${#candidates[@]} -gt 0 ]] || return
    directive="${candidates[-1]#:}"
    unset 'candidates[-1]'
    [[ $directive -eq 0 ]] && compopt -o default
    (( directive & 2 )) && compopt -o nospace
    # readline replaces what follows the last = only
    local before=""
    [[ $current == -*=* ]] || [[ $current != *=* ]] || before="${current%=*}="
    COMPREPLY=()
    for candidate in "${candidates[@]}"; do
        candidate="${candidate%%$'\t'*}"
        COMPREPLY+=("${candidate#"$before"}")
    done
}
complete -F _kubectl_lws kubectl-lws
"""
_ZSH: Final = r"""#compdef kubectl-lws
# zsh completion for kubectl-lws
_kubectl_lws() {
    local -a lines described
    local directive line text flag=""
    lines=("${(@f)$(kubectl-lws __complete "${(@)words[2,CURRENT]}" 2>/dev/null)}")
    directive="${lines[-1]#:}"
    lines=("${(@)lines[1,-2]}")
    [[ $directive == 0 ]] && { _files; return }
    [[ ${words[CURRENT]} == -*=* ]] && flag="${words[CURRENT]%%=*}="
    for line in "${lines[@]}"; do
        text="${line%%$'\t'*}"
        [[ $line == *$'\t'* ]] && text="${text//:/\\:}:${line#*$'\t'}" || text="${text//:/\\:}"
        described+=("$flag$text")
    done
    if (( directive & 2 )); then
        _describe -V completions described -S ''
    else
        _describe -V completions described
    fi
}
if [[ $funcstack[1] == _kubectl[-_]lws ]]; then
    _kubectl_lws
else
    compdef _kubectl_lws kubectl-lws
fi
"""
_FISH: Final = r"""# fish completion for kubectl-lws
function __kubectl_lws
    set -l words (commandline -opc) (commandline -ct)
    set -l lines (kubectl-lws __complete $words[2..-1] 2>/dev/null)
    set -l typed (commandline -ct)
    set -l flag ""
    string match -qr -- '^-.*=' $typed; and set flag (string replace -r -- '=.*' '=' $typed)
    for line in $lines[1..-2]
        echo $flag$line
    end
    test "$lines[-1]" = ":0"; and __fish_complete_path $typed
end
complete -c kubectl-lws -f -a '(__kubectl_lws)'
"""
_SCRIPTS: Final = {"bash": _BASH, "zsh": _ZSH, "fish": _FISH}


def script(shell: str) -> str:
    """To be read by that shell."""
    return _SCRIPTS[shell].rstrip()

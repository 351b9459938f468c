import { buildCommand, buildRouteMap } from '@stricli/core';
import type { Cli } from '../context.ts';

/** Both scripts ask `vauban complete WORDS...`; without an answer the shell proposes files. */
const bash = `# vauban completion for bash: \`eval "$(vauban completion bash)"\`, for instance in ~/.bashrc
_vauban() {
  local IFS=$'\\n'
  COMPREPLY=($("\${COMP_WORDS[0]}" complete "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null))
}
complete -o default -F _vauban vauban
`;

const zsh = `#compdef vauban
# vauban completion for zsh: \`eval "$(vauban completion zsh)"\`, for instance in ~/.zshrc
_vauban() {
  local -a proposed
  proposed=("\${(@f)$("\${words[1]}" complete "\${(@)words[2,CURRENT]}" 2>/dev/null)}")
  if [[ -n "\${proposed[1]}" ]]; then compadd -- "\${proposed[@]}"; else _files; fi
}
compdef _vauban vauban
`;

const script = (shell: string, text: string) =>
  buildCommand({
    docs: { brief: `Print the script for ${shell}: \`eval "$(vauban completion ${shell})"\`` },
    parameters: {},
    func(this: Cli) {
      this.stdout.write(text);
    },
  });

export const completion = buildRouteMap({
  routes: { bash: script('bash', bash), zsh: script('zsh', zsh) },
  docs: { brief: 'Print a script that completes commands in your shell' },
});

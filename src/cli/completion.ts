import type { Command } from 'commander'

/** Shells that {@link completionScript} knows. */
export const SHELLS = ['bash', 'zsh', 'fish'] as const

/** A script for a shell that completes the commands and options of `program`, and file names behind them. */
export function completionScript(program: Command, shell: (typeof SHELLS)[number]): string {
  const words = wordsOf(program)
  return shell === 'fish' ? fish(words) : shell === 'bash' ? bash(words) : zsh(words)
}

/** What may follow a command: its subcommands, the values of its arguments and long options. */
interface Words {
  /** `''` for the program itself, else a command's names, such as `journal check`. */
  readonly command: string
  readonly words: readonly { readonly name: string; readonly description: string }[]
  /** Its options behind which a value stands, a file's name for one. */
  readonly valued: readonly string[]
}

function wordsOf(command: Command, path = ''): Words[] {
  const options = command.options.flatMap(({ long, description }) => (long ? [{ name: long, description }] : []))
  const commands = command.commands.map((child) => ({ name: child.name(), description: child.description() }))
  const values = command.registeredArguments.flatMap(({ argChoices = [], description }) =>
    argChoices.map((name) => ({ name, description })),
  )
  const help = { name: '--help', description: 'print help' }
  const valued = command.options.flatMap(({ required, short, long }) => (required ? [short, long] : []))
  const own = {
    command: path,
    words: [...commands, ...values, ...options, help],
    valued: valued.filter((name) => name !== undefined),
  }
  return [own, ...command.commands.flatMap((child) => wordsOf(child, `${path} ${child.name()}`.trim()))]
}

function bash(all: readonly Words[]): string {
  const cases = all.map(
    ({ command, words }) => `    '${command}') words='${words.map(({ name }) => name).join(' ')}' ;;`,
  )
  const valued = [...new Set(all.flatMap((each) => each.valued))].join('|')
  return `# mgw completion bash > /etc/bash_completion.d/mgw
_mgw() {
  local word path='' words=''
  case "\${COMP_WORDS[COMP_CWORD-1]}" in ${valued}) COMPREPLY=(); return ;; esac
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "$word" in -*) ;; *) case "\${path:+$path }$word" in ${commandsOf(all)}) path="\${path:+$path }$word" ;; esac ;; esac
  done
  case "$path" in
${cases.join('\n')}
  esac
  COMPREPLY=($(compgen -W "$words" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _mgw mgw
`
}

/** zsh runs bash's functions. */
function zsh(all: readonly Words[]): string {
  return `# mgw completion zsh > ~/.zfunc/_mgw_completion, and source that file from ~/.zshrc
autoload -U +X bashcompinit && bashcompinit
${bash(all)}`
}

function fish(all: readonly Words[]): string {
  const lines = all.flatMap(({ command, words }) =>
    words.map(({ name, description }) => {
      const condition =
        command === ''
          ? '__fish_use_subcommand'
          : command
              .split(' ')
              .map((part) => `__fish_seen_subcommand_from ${part}`)
              .join('; and ')
      const word = name.startsWith('--') ? `-l ${name.slice(2)}` : `-a ${name}`
      return `complete -c mgw -n '${condition}' ${word} -d '${description.replaceAll("'", "\\'")}'`
    }),
  )
  return `# mgw completion fish > ~/.config/fish/completions/mgw.fish\n${lines.join('\n')}\n`
}

/** All commands' names as a pattern of a shell's \`case\`. */
function commandsOf(all: readonly Words[]): string {
  return all.flatMap(({ command }) => (command === '' ? [] : [`'${command}'`])).join('|')
}

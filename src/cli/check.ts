import { describeGateway } from '../gateway.js'

/** `mgw check`: reads what `mgw start` would read and prints what it says; throws what `mgw start` would throw. */
export async function check(options: { readonly config: string }): Promise<void> {
  const { sections, warnings } = await describeGateway(options.config)
  const width = Math.max(...sections.flatMap(({ rows }) => rows.map(([name]) => name.length)))
  for (const { title, rows } of sections) {
    console.log(title)
    for (const [name, value] of rows) console.log(`  ${name.padEnd(width)}  ${value}`)
  }
  for (const warning of warnings) console.error(`warning: ${warning}`)
  console.log(`${options.config}: ok${warnings.length === 0 ? '' : `, with ${warnings.length} warning(s)`}`)
}

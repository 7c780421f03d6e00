import { readInputs, tryKeys } from '../gateway.js'
import { describeInputs } from './describe-inputs.js'

/** `mgw check`: reads what `mgw start` would read and prints what it says; throws what `mgw start` would throw. */
export async function check(options: { readonly config: string }): Promise<void> {
  const inputs = await readInputs(options.config)
  await tryKeys(inputs.config)
  for (const { title, rows } of describeInputs(inputs)) {
    console.log(title)
    const width = Math.max(0, ...rows.map(([name]) => name.length))
    for (const [name, value] of rows) console.log(`  ${name.padEnd(width)}  ${value}`)
  }
  for (const note of inputs.notes) console.log(`note: ${note}`)
  for (const warning of inputs.warnings) console.error(`warning: ${warning}`)
  const count = inputs.warnings.length
  console.log(`${options.config}: ok${count === 0 ? '' : `, ${count} warning${count === 1 ? '' : 's'}`}`)
}

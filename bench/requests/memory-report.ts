// Loaded into the gateway's process by `node --import`: tells its parent what memory it uses, when it is asked.
import { setFlagsFromString, writeHeapSnapshot } from 'node:v8'
import { runInNewContext } from 'node:vm'

/** What the parent asks for: the figures as they are, those after a full collection, or a heap snapshot in a file. */
export type MemoryQuestion = 'now' | 'collected' | { readonly snapshot: string }

setFlagsFromString('--expose-gc')
const collect: () => void = runInNewContext('gc')

if (process.send !== undefined) {
  process.on('message', (question: MemoryQuestion) => {
    if (question === 'collected') collect()
    if (typeof question === 'object') writeHeapSnapshot(question.snapshot)
    process.send?.(process.memoryUsage())
  })
  process.channel?.unref()
}

import t from 'tap'
import { createLogging, type LoggingOptions } from '../../../src/logging/index.js'
import type { RevocationRecord } from '../../../src/revocation/record.js'
import { TopicListener } from '../../../src/sources/message/index.js'
import type { RevocationSink } from '../../../src/sources/source.js'

function capture(level: LoggingOptions['level'] = 'debug') {
  const lines: string[] = []
  const logging = createLogging({ level, format: 'text', stream: { write: (line: string) => lines.push(line) } })
  return { lines, logging }
}

function collector() {
  const records: RevocationRecord[] = []
  const resyncs: string[] = []
  const sink: RevocationSink = {
    revoked: (record) => records.push(record),
    state: () => undefined,
    resync: (reason) => resyncs.push(reason),
  }
  return { records, resyncs, sink }
}

t.test("a message reaches the sink, with the seed's two lines in the log and no token", async (t) => {
  const { lines, logging } = capture()
  const { records, sink } = collector()
  new TopicListener({ logging }).deliver({ text: '{"revokedToken":"s3cr3t"}' }, sink)
  t.same(records, [{ kind: 'token', id: 's3cr3t', expiresAt: undefined }])
  t.equal(lines.length, 2)
  t.match(lines[0], /DEBUG \[wso2\/gateway\] - \[TokenRevocationJMS\] \[-\] token revoked jms Message Received\n$/)
  t.match(lines[1], /DEBUG \[wso2\/gateway\] - \[TokenRevocationJMS\] \[-\] Successfully added to revoked token map\n$/)
  t.notMatch(lines.join(''), /s3cr3t/)
})

t.test('a batch event asks the sink for a resync', async (t) => {
  const { records, resyncs, sink } = collector()
  new TopicListener({ logging: capture().logging }).deliver({ text: '{"type":"token_revocation_batch"}' }, sink)
  t.equal(resyncs.length, 1)
  t.same(records, [])
})

t.test('a malformed message is counted each time and logged once a minute per reason', async (t) => {
  const { lines, logging } = capture('warn')
  const { sink } = collector()
  let now = 0
  const messages = new TopicListener({ logging, now: () => now })
  for (let i = 0; i < 100; i++) messages.deliver({ text: 'not s3cr3t json' }, sink)
  messages.undecodable('undecodable-body')
  t.equal(lines.length, 2)
  t.match(lines[0], /WARN .* reason=not-json/)
  t.match(lines[1], /WARN .* reason=undecodable-body/)
  now = 60_000
  messages.deliver({ text: 'not json' }, sink)
  t.equal(lines.length, 3)
  t.match(lines[2], /count=101/)
  t.same(messages.malformed()?.malformed, { 'not-json': 101, 'undecodable-body': 1 })
  t.notMatch(lines.join(''), /s3cr3t/)
})

t.test('a sink that throws is logged once, and does not stop the next message', async (t) => {
  const { lines, logging } = capture('error')
  const { records, sink } = collector()
  const messages = new TopicListener({ logging })
  const broken: RevocationSink = {
    ...sink,
    revoked: () => {
      throw new Error('full')
    },
  }
  messages.deliver({ text: '{"revokedToken":"a"}' }, broken)
  messages.deliver({ text: '{"revokedToken":"a"}' }, broken)
  t.equal(lines.length, 1)
  messages.deliver({ text: '{"revokedToken":"b"}' }, sink)
  t.match(records, [{ kind: 'token', id: 'b' }])
})

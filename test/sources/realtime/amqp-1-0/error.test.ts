import t from 'tap'
import { toBrokerError } from '../../../../src/sources/realtime/amqp-1-0/error.js'

t.test('a topic that the broker does not have names the key of the topic', async (t) => {
  const error = toBrokerError('subscription refused', { condition: 'amqp:not-found', description: 's3cret' })
  t.match(error, { code: 'ERR_BROKER_REFUSED', slow: true })
  t.match(error.message, /amqp:not-found: correct tokenRevocationConfig\.realtime\.jmsConnectionTopic$/)
  t.notMatch(error.message, /s3cret/)
})

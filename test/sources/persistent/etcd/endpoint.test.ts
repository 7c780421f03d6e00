import fc from 'fast-check'
import t from 'tap'
import { namesEtcd } from '../../../../src/config/index.js'
import { etcdEndpoint } from '../../../../src/sources/persistent/etcd/endpoint.js'
import { StoreError } from '../../../../src/sources/source.js'

t.test('the URL says which API, which servers and which prefix', async (t) => {
  const cases: [string, 'v2' | 'v3', string[], string][] = [
    ['http://127.0.0.1:2379/v3/keys/jti/', 'v3', ['http://127.0.0.1:2379'], 'jti/'],
    ['http://127.0.0.1:2379/v3/keys/jti', 'v3', ['http://127.0.0.1:2379'], 'jti/'],
    ['http://127.0.0.1:2379', 'v3', ['http://127.0.0.1:2379'], 'jti/'],
    ['http://127.0.0.1:2379/', 'v3', ['http://127.0.0.1:2379'], 'jti/'],
    ['localhost:2379', 'v3', ['http://localhost:2379'], 'jti/'],
    ['etcd', 'v3', ['http://etcd'], 'jti/'],
    ['[::1]:2379/v2/keys/jti', 'v2', ['http://[::1]:2379'], 'jti/'],
    ['https://127.0.0.1:2379/v2/keys/jti/', 'v2', ['https://127.0.0.1:2379'], 'jti/'],
    ['https://etcd.example/v2/keys/a/b%20c/', 'v2', ['https://etcd.example'], 'a/b c/'],
    ['http://h:1/v2/keys/jti/?recursive=true', 'v2', ['http://h:1'], 'jti/'],
    ['http://a:1, http://b:2 ,http://a:1/v3/keys/x/', 'v3', ['http://a:1', 'http://b:2'], 'x/'],
    ['a:1,b:2/v2/keys/jti', 'v2', ['http://a:1', 'http://b:2'], 'jti/'],
    ['https://a:1,b:2/v3/keys/jti/', 'v3', ['https://a:1', 'https://b:2'], 'jti/'],
    ['a:1, https://b:2', 'v3', ['https://a:1', 'https://b:2'], 'jti/'],
  ]
  for (const [url, api, servers, prefix] of cases) t.strictSame(etcdEndpoint(url), { api, servers, prefix }, url)
})

t.test('a URL that can mean no store is an error with its remedy', async (t) => {
  const cases: [string, RegExp][] = [
    ['', /is missing/],
    [' , ', /is missing/],
    ['http://h:1/v3/keys/', /add the prefix/],
    ['http://h:1/v2/keys', /add the prefix/],
    ['http://h:1/v2/keys//', /add the prefix/],
    ['https://localhost:9443/internal/data/v1', /has a path other than/],
    ['http://h:1/jti', /has a path other than/],
    ['ftp://h:1/v3/keys/jti', /unknown scheme/],
    ['http://', /not a URL/],
    ['http://h:99999', /not a URL/],
    ['http://user:s3cret@h:1', /username and password/],
    ['user:s3cret@h:1', /username and password/],
    ['http://a:1,user:s3cret@h:1', /username and password/],
    ['http://a:1,https://b:1', /mixes http and https/],
    ['http://a:1/v2/keys/jti,http://b:1/v3/keys/jti', /different paths/],
    ['http://a:1/v3/keys/jti,http://b:1/v3/keys/other', /different paths/],
    ['http://a:1/v3/keys/%zz', /invalid % escape/],
  ]
  for (const [url, message] of cases) t.throws(() => etcdEndpoint(url), { code: 'ERR_STORE_CONFIG', message }, url)
  try {
    etcdEndpoint('http://user:s3cret@h:1')
  } catch (error) {
    t.notMatch(String(error), /s3cret|user:/)
  }
})

t.test('any text is an endpoint or ERR_STORE_CONFIG', async () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.webUrl(),
        fc.string().map((s) => `http://h/v3/keys/${s}`),
      ),
      (text) => {
        try {
          const { servers, prefix } = etcdEndpoint(text)
          return servers.length > 0 && /[^/]\/$/.test(prefix)
        } catch (error) {
          return error instanceof StoreError
        }
      },
    ),
  )
})

t.test('a URL with a keys path names an etcd', async (t) => {
  for (const url of ['https://127.0.0.1:2379/v2/keys/jti/', 'h/v3/keys']) t.ok(namesEtcd(url), url)
  for (const url of ['https://localhost:9443/internal/data/v1', '', 'h:2379', 'h/v2/keyspace'])
    t.notOk(namesEtcd(url), url)
})

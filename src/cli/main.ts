import { Argument, Command, Option } from 'commander'
import { packageVersion } from '../version.js'
import { completionScript, SHELLS } from './completion.js'
import { exitWith } from './exit.js'
import { write, writeError } from './output.js'

const EPILOGUE = `
Examples:
  mgw demo                              try it: a gateway, a petstore and a token service
  mgw init --upstream http://localhost:8080 --issuer https://issuer.example
  mgw check --connect -c micro-gw.conf  find out what is wrong before it starts
  mgw start -c micro-gw.conf
  echo "$TOKEN" | mgw revoke - -c micro-gw.conf
  source <(mgw completion bash)

Exit status: 0 success; 1 failure; 2 invalid command line or configuration; 3 (revoke) published and kept by nobody;
4 (status, explain, reload) not ready, refused, not reloaded.`

/** Runs a command line (`process.argv`). Sets the exit status; never rejects. A command that fails ends the process. */
export async function main(argv: readonly string[]): Promise<void> {
  try {
    await program().parseAsync([...argv])
  } catch (error) {
    exitWith(error)
    // A store module may have left open what keeps the process.
    write('', () => writeError('', () => process.exit()))
  }
}

function program(): Command {
  const mgw = new Command('mgw')
    .description('A reverse-proxy microgateway that rejects revoked OAuth 2 access tokens.')
    .version(packageVersion(), '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print help')
    .addHelpText('after', EPILOGUE)
    .configureOutput({
      writeOut: (text) => write(text),
      writeErr: (text) => writeError(text),
      outputError: (text) => writeError(text),
    })
    .exitOverride()
    .showHelpAfterError('(mgw --help lists the commands)')

  addRunning(mgw)
  addAsking(mgw)
  addRevoke(mgw)
  addJournal(mgw)
  addBeginning(mgw)
  return mgw
}

/** The action of a command, whose module is loaded when it runs: another command does not wait for it. */
function loaded<Args extends unknown[]>(load: () => Promise<(...args: Args) => Promise<void>>) {
  return async (...args: Args): Promise<void> => (await load())(...args)
}

function addRunning(mgw: Command): void {
  mgw
    .command('start')
    .description('run the gateway in the foreground until SIGTERM or SIGINT')
    .addOption(configOption())
    .action(loaded(async () => (await import('./start.js')).start))
  mgw
    .command('check')
    .description('validate the configuration and the API definitions, print a summary, and start nothing')
    .addOption(configOption())
    .option(
      '--connect',
      'also connect to every source, issuer and key manager, and say how many revocations the store has',
    )
    .option('--json', 'print one JSON object')
    .action(loaded(async () => (await import('./check.js')).check))
}

function addAsking(mgw: Command): void {
  mgw
    .command('status')
    .description('show the state of a running gateway: list, sources, workers, journal, requests')
    .addOption(configOption())
    .addOption(adminOption())
    .option('--watch', 'show it every second, until Ctrl-C')
    .option('--json', 'print a JSON object, as GET /status answers it')
    .addHelpText('after', STATUS_HELP)
    .action(loaded(async () => (await import('./status.js')).status))
  mgw
    .command('reload')
    .description('have a running gateway read its configuration, definitions, certificates and keys again')
    .addOption(configOption())
    .addOption(adminOption())
    .option(
      '--workers',
      'also replace all workers, one after the other: what only concerns workers then needs no restart',
    )
    .option('--json', 'print a JSON object, as POST /reload answers it')
    .addHelpText('after', RELOAD_HELP)
    .action(loaded(async () => (await import('./reload.js')).reload))
  mgw
    .command('explain')
    .description('say what becomes of a request with a token, and why; asks the running gateway')
    .argument('<token>', '-: reads the token from standard input, which keeps it out of the process list')
    .addOption(configOption())
    .addOption(adminOption())
    .option('--method <method>', 'with --path: the method of the request, for its scopes')
    .option('--path <path>', 'with --method: the path of the request; a query is ignored')
    .option('--json', 'print a JSON object, as POST /explain answers it')
    .addHelpText('after', EXPLAIN_HELP)
    .action(loaded(async () => (await import('./explain.js')).explain))
}

const RELOAD_HELP = `
Examples:
  mgw reload -c micro-gw.conf
  mgw reload --workers -c micro-gw.conf

Requires [admin] token; without one: kill -HUP <pid>, and see the log.

Exit status: 0 reloaded; 1 no gateway answers; 2 invalid command line or configuration; 4 not reloaded.`

const STATUS_HELP = `
Examples:
  mgw status -c micro-gw.conf
  mgw status --watch --admin http://127.0.0.1:9797

Exit status: 0 protected APIs are served; 1 no gateway answers; 2 invalid command line or configuration; 4 they are not served.`

const EXPLAIN_HELP = `
Examples:
  echo "$TOKEN" | mgw explain - -c micro-gw.conf
  echo "$TOKEN" | mgw explain - --method GET --path /petstore/v1/pet/1

Exit status: 0 the token is accepted; 1 no gateway answers; 2 invalid command line or configuration; 4 it is refused.`

function adminOption(): Option {
  return new Option('--admin <url>', 'the admin listener of the gateway (default: [admin] host and port)')
}

function addRevoke(mgw: Command): void {
  mgw
    .command('revoke')
    .description(
      'revoke a token: write it to the configured store and publish it to the configured topic; or, with --claim or --all, a rule: write it to the store',
    )
    .argument('[token]', 'the token or its jti; - reads it from standard input, which keeps it out of the process list')
    .addOption(configOption())
    .option('--issuer <iss>', 'revoke for the tokens of this issuer alone')
    .option(
      '--claim <name=value>',
      'instead of a token: revoke the tokens issued so far that have this claim; up to four of them, which must all match; a name may be a path (act.sub)',
      (claim: string, others: readonly string[] = []) => [...others, claim],
    )
    .option('--all', 'instead of a token: revoke all tokens that --issuer has issued so far')
    .option(
      '--expires-at <when>',
      "when the token ends: seconds or ms since 1970, or ISO 8601 (default: a JWT's own exp)",
    )
    .addHelpText('after', REVOKE_HELP)
    .action(loaded(async () => (await import('./revoke.js')).revoke))
}

const REVOKE_HELP = `
Examples:
  echo "$TOKEN" | mgw revoke - -c micro-gw.conf
  mgw revoke --claim sub=alice --issuer https://issuer.example -c micro-gw.conf

Exit status: 0 the store has it, and the topic if there is one; 1 one of them did not take it; 2 invalid command line or
configuration; 3 published and kept by nobody.`

function addJournal(mgw: Command): void {
  const journal = mgw.command('journal').description('check the journal, which keeps revocations across restarts')
  journal
    .command('check')
    .description('report whether the journal is intact, or what is damaged')
    .addOption(configOption())
    .action(loaded(async () => (await import('./journal.js')).checkJournal))
  journal
    .command('accept-damaged')
    .description('accept the losses of a damaged journal: tokens that only it knew to be revoked are valid again')
    .argument(
      '<sha256>',
      'the damage, as named by mgw journal check, the log and /ready; other damage must be accepted again',
    )
    .addOption(configOption())
    .action(loaded(async () => (await import('./journal.js')).acceptDamagedJournal))
}

/** What one begins with. */
function addBeginning(mgw: Command): void {
  mgw
    .command('init')
    .description('write a micro-gw.conf and the definition of a first API; asks for what no option says')
    .argument('[directory]', 'where to', '.')
    .option('--upstream <url>', 'the API to protect')
    .option('--issuer <iss>', 'the issuer of its access tokens')
    .option('--jwks-url <url>', "the issuer's public keys (default: <issuer>/.well-known/jwks.json)")
    .option('--topic <url>', 'the broker that announces revocations')
    .option('--store <url>', 'the etcd that keeps them')
    .option('--json', 'print one JSON object')
    .action(loaded(async () => (await import('./init.js')).init))
  mgw
    .command('demo')
    .description('run a gateway with a petstore, a token service and a topic broker, all in one process on 127.0.0.1')
    .option('-d, --directory <path>', 'directory of keys, tokens and revocations', 'data/demo')
    .option(
      '--host <address>',
      'address that the gateway binds to, 0.0.0.0 in a container; the rest stays on 127.0.0.1',
    )
    .option('--free-ports', 'use any free ports instead of 9090, 9095 and so on')
    .addOption(
      new Option('--log-level <level>', 'how much to log').choices(['error', 'warn', 'info', 'debug']).default('info'),
    )
    .action(loaded(async () => (await import('./demo.js')).demo))
  mgw
    .command('completion')
    .description('print a script that completes commands and options in a shell')
    .addArgument(new Argument('<shell>', 'which one').choices(SHELLS))
    .action((shell: (typeof SHELLS)[number]) => write(completionScript(mgw, shell)))
}

function configOption(): Option {
  return new Option('-c, --config <file>', "the configuration, in WSO2's format").default('conf/micro-gw.conf')
}

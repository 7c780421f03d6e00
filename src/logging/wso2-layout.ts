const OWN_FIELDS = new Set(['level', 'time', 'component', 'requestId', 'msg'])

/**
 * Turns one of pino's JSON lines into WSO2's layout:
 * `2019-06-14 17:20:45,636 DEBUG [wso2/gateway] - [Component] [request id or -] text key=value`.
 * Line breaks inside values are escaped, so that nothing from outside can forge a line.
 */
export function wso2Layout(json: string): string {
  const line = JSON.parse(json) as Record<string, unknown>
  let text = `${localTime(Number(line.time))} ${String(line.level).toUpperCase()} [wso2/gateway] - [${line.component}] [${
    line.requestId ?? '-'
  }] ${line.msg ?? ''}`
  for (const key of Object.keys(line)) {
    if (!OWN_FIELDS.has(key)) text += ` ${key}=${quoted(line[key])}`
  }
  return `${text.replace(/[\r\n]/g, (c) => (c === '\n' ? '\\n' : '\\r'))}\n`
}

function quoted(value: unknown): string {
  const text = String(value)
  return /[\s"=]/.test(text) ? JSON.stringify(text) : text
}

function localTime(epoch: number): string {
  const at = new Date(epoch)
  const two = (n: number) => String(n).padStart(2, '0')
  return (
    `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())} ` +
    `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())},${String(at.getMilliseconds()).padStart(3, '0')}`
  )
}

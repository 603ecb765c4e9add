import type { DocumentedRoute } from './route.ts';

/** A request in one language. The documentation shows it and a test runs it. */
interface CodeSample {
  readonly lang: 'Shell' | 'PowerShell' | 'TypeScript';
  readonly label: string;
  readonly source: string;
}

/**
 * The request of a route in curl, PowerShell and TypeScript. The samples read `BROKER_URL` (without `/api`) and
 * `CALLER_TOKEN` from the environment, so that no token ends up in a shell's history.
 */
export function samplesOf(route: DocumentedRoute): readonly CodeSample[] {
  return [
    { lang: 'Shell', label: 'curl', source: curl(route) },
    { lang: 'PowerShell', label: 'PowerShell', source: powerShell(route) },
    { lang: 'TypeScript', label: 'TypeScript', source: typeScript(route) },
  ];
}

/** Path and query with the example values: `/api/jobs/access-check/runs`. */
export function addressOf(route: DocumentedRoute): string {
  const { pathParameters = {}, queryExample = {} } = route;
  const path = route.path.replaceAll(/\{(\*?)(\w+)\}/g, (_, catchAll: string, name: string) => {
    const example = pathParameters[name]?.example ?? '';
    return catchAll === '' ? encodeURIComponent(example) : example;
  });
  const query = new URLSearchParams(queryExample).toString();
  return `/api${path}${query === '' ? '' : `?${query}`}`;
}

const answersWithJson = ({ answers, queryExample }: DocumentedRoute): boolean =>
  answers[0]?.contents[0]?.mediaType === 'application/json' && queryExample?.['format'] === undefined;

function curl(route: DocumentedRoute): string {
  return [
    `curl -sS --fail-with-body ${curlMethod(route)}"$BROKER_URL${addressOf(route)}"`,
    `  -H "authorization: Bearer $CALLER_TOKEN"`,
    ...(route.bodyExample === undefined
      ? []
      : [`  -H 'content-type: application/json'`, `  -d '${JSON.stringify(route.bodyExample)}'`]),
  ].join(' \\\n');
}

/** With a body, curl sends POST by itself. */
const curlMethod = ({ method, bodyExample }: DocumentedRoute): string =>
  method === 'GET' || (method === 'POST' && bodyExample !== undefined) ? '' : `-X ${method} `;

function powerShell(route: DocumentedRoute): string {
  const { method, bodyExample: body } = route;
  const words = ['Invoke-RestMethod', `"$env:BROKER_URL${addressOf(route)}"`];
  if (method !== 'GET') words.push(`-Method ${method.charAt(0)}${method.slice(1).toLowerCase()}`);
  words.push('-Headers $headers');
  if (body !== undefined) words.push("-ContentType 'application/json' -Body $body");
  return [
    '$headers = @{ Authorization = "Bearer $env:CALLER_TOKEN" }',
    ...(body === undefined ? [] : [`$body = ${powerShellValue(body)} | ConvertTo-Json`]),
    words.join(' '),
  ].join('\n');
}

function powerShellValue(value: unknown): string {
  if (Array.isArray(value)) return `@(${value.map(powerShellValue).join(', ')})`;
  if (typeof value === 'object' && value !== null) {
    const entries = Object.entries(value).map(([name, item]) => `${name} = ${powerShellValue(item)}`);
    return `@{ ${entries.join('; ')} }`;
  }
  if (typeof value === 'string') return `'${value.replaceAll("'", "''")}'`;
  // `$true`, `$false`, `$null`: PowerShell would run the bare words as commands.
  return typeof value === 'number' ? String(value) : `$${String(value)}`;
}

function typeScript(route: DocumentedRoute): string {
  const { method, bodyExample: body } = route;
  const headers = [
    'authorization: `Bearer ${env.CALLER_TOKEN}`',
    ...(body === undefined ? [] : ["'content-type': 'application/json'"]),
  ];
  return [
    "import { env } from 'node:process';",
    '',
    `const response = await fetch(\`\${env.BROKER_URL}${addressOf(route)}\`, {`,
    ...(method === 'GET' ? [] : [`  method: '${method}',`]),
    `  headers: { ${headers.join(', ')} },`,
    ...(body === undefined ? [] : [`  body: JSON.stringify(${typeScriptValue(body)}),`]),
    '});',
    'if (!response.ok) throw new Error(await response.text());',
    `console.log(await response.${answersWithJson(route) ? 'json' : 'text'}());`,
  ].join('\n');
}

function typeScriptValue(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(typeScriptValue).join(', ')}]`;
  if (typeof value === 'object' && value !== null) {
    const entries = Object.entries(value).map(([name, item]) => `${name}: ${typeScriptValue(item)}`);
    return `{ ${entries.join(', ')} }`;
  }
  return typeof value === 'string'
    ? `'${value.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`
    : JSON.stringify(value);
}

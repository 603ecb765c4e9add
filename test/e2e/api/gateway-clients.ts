import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Client, GraphError, PageIterator } from '@microsoft/microsoft-graph-client';
import { GatewayClient, graphMiddleware } from '../../../clients/typescript/src/index.ts';
import { projectRoot } from '../../paths.ts';
import { behindHttps } from '../../support/https-front.ts';
import { type PowerShell, runScript } from '../powershell/powershell.ts';

/** What a client got for one caller: numbers of entries, or the code of the refusal. */
export interface Seen {
  /** All pages of two. */
  readonly users: number | string;
  readonly licences: number | string;
  /** Status of users and of licences in one batch. */
  readonly batch: readonly number[];
}

/** A caller of the gateway at `url`, for a tenant. */
export interface GatewayCaller {
  readonly url: string;
  readonly tenantId: string;
  readonly token: string;
}

const paths = { users: '/users?$select=id&$top=2', licences: '/subscribedSkus' } as const;
const requests = [
  { id: '1', method: 'GET', url: '/users?$top=1' },
  { id: '2', method: 'GET', url: '/subscribedSkus' },
];

interface Page {
  readonly value: unknown[];
  readonly '@odata.nextLink'?: string;
}
interface Batch {
  readonly responses: readonly { readonly id: string; readonly status: number }[];
}

const statusesOf = ({ responses }: Batch): readonly number[] =>
  responses.toSorted((one, other) => one.id.localeCompare(other.id)).map(({ status }) => status);

/** Microsoft's client for Graph with the gateway's middleware. */
export async function seenByGraphClient({ url, tenantId, token }: GatewayCaller): Promise<Seen> {
  const front = 'https://broker.example';
  const gateway = new GatewayClient({
    brokerUrl: front,
    brokerScope: 'api://broker/.default',
    callerCredential: { getToken: async () => ({ token, expiresOnTimestamp: 0 }) },
    tenant: tenantId,
    fetch: behindHttps(front, url),
  });
  const graph = Client.initWithMiddleware({ baseUrl: gateway.baseUrl, middleware: graphMiddleware(gateway) });
  const count = async (path: string): Promise<number | string> => {
    try {
      let entries = 0;
      const page = (await graph.api(path).get()) as Page;
      const iterator = new PageIterator(graph, page, () => {
        entries += 1;
        return true;
      });
      await iterator.iterate();
      return entries;
    } catch (error) {
      if (error instanceof GraphError) return error.code ?? '';
      throw error;
    }
  };
  return {
    users: await count(paths.users),
    licences: await count(paths.licences),
    batch: statusesOf((await graph.api('/$batch').post({ requests })) as Batch),
  };
}

/** curl, which follows the links of pages. */
export async function seenByCurl({ url, tenantId, token }: GatewayCaller): Promise<Seen> {
  const base = `${url}/api/gateway/${tenantId}/graph/v1.0`;
  const curl = async (address: string, ...more: string[]): Promise<unknown> => {
    const { stdout } = await promisify(execFile)('curl', [
      '-sS',
      '-H',
      `authorization: Bearer ${token}`,
      ...more,
      address,
    ]);
    return JSON.parse(stdout) as unknown;
  };
  const count = async (path: string): Promise<number | string> => {
    let entries = 0;
    for (let next: string | undefined = `${base}${path}`; next !== undefined; ) {
      const page = (await curl(next)) as Page & { code?: string };
      if (page.code !== undefined) return page.code;
      entries += page.value.length;
      next = page['@odata.nextLink'];
    }
    return entries;
  };
  const batch = ['-H', 'content-type: application/json', '-d', JSON.stringify({ requests })];
  return {
    users: await count(paths.users),
    licences: await count(paths.licences),
    batch: statusesOf((await curl(`${base}/$batch`, ...batch)) as Batch),
  };
}

const script = `param($Module, $Url, $Tenant, $Path)
$ErrorActionPreference = 'Stop'
Import-Module $Module
function Get-Count([string] $Path) {
    try { @(Invoke-PartnerRequest -Tenant $Tenant -Path $Path -All).Count }
    catch { $_.TargetObject.Code }
}
$requests = '${JSON.stringify({ requests })}'
$seen = foreach ($text in $env:CALLER_TOKENS -split ' ') {
    $token = [Net.NetworkCredential]::new('', $text).SecurePassword
    Connect-PartnerTokenBroker -Url $Url -AccessToken $token -WarningAction Ignore
    $batch = Invoke-PartnerRequest -Tenant $Tenant -Method POST -Path '/$batch' -Body $requests
    @{
        users = Get-Count '${paths.users}'
        licences = Get-Count '${paths.licences}'
        batch = @($batch.responses | Sort-Object id | ForEach-Object status)
    }
}
ConvertTo-Json -InputObject $seen -Depth 5 | Set-Content -LiteralPath $Path
`;

/** The module's Invoke-PartnerRequest, for all callers in one process, which takes seconds to start. */
export async function seenByPowerShell(
  shell: PowerShell,
  { url, tenantId }: Omit<GatewayCaller, 'token'>,
  tokens: readonly string[],
): Promise<readonly Seen[]> {
  const folder = await mkdtemp(join(tmpdir(), 'ptb-gateway-powershell-'));
  try {
    const file = join(folder, 'script.ps1');
    const resultPath = join(folder, 'result.json');
    await writeFile(file, script);
    const module = join(projectRoot, 'clients/powershell/PartnerTokenBroker');
    const { code, output } = await runScript(shell, file, [module, url, tenantId, resultPath], {
      CALLER_TOKENS: tokens.join(' '),
    });
    if (code !== 0) throw new Error(output);
    return JSON.parse(await readFile(resultPath, 'utf8')) as readonly Seen[];
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

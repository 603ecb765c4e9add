import { describe, expect, it } from 'vitest';
import { type ChildAccess, childEnvironment, commonEnvironment } from '../../../../src/cli/exec/child-environment.ts';
import { refuseNamesInCode } from '../../../../src/cli/exec/names-in-code.ts';
import { argumentsFor, OptionLikeNameError } from '../../../../src/cli/exec/placeholders.ts';
import { addResource, aliasOf } from '../../../../src/cli/exec/resource-aliases.ts';
import { linesOf } from '../../../../src/cli/exec/output-lines.ts';
import { folderNameOf } from '../../../../src/cli/exec/tenant.ts';
import { exampleExecTenant as tenant } from './example-tenant.ts';

describe('arguments of a program', () => {
  it('stand for the tenant, as often as they occur, and leave other braces alone', () => {
    expect(argumentsFor(['{tenantId}', 'x={domain}/{domain}', '{name}', '{other}', ''], tenant)).toEqual([
      tenant.tenantId,
      'x=contoso.com/contoso.com',
      'Contoso & Sons "Ltd" $&',
      '{other}',
      '',
    ]);
  });

  it('name a tenant without a domain by its id', () => {
    const { defaultDomain: _, ...nameless } = tenant;
    expect(argumentsFor(['{domain}'], nameless)).toEqual([tenant.tenantId]);
  });

  it('are refused if a customer chose a name that would become an option', () => {
    const hostile = { ...tenant, name: '--output=/etc/passwd' };
    expect(() => argumentsFor(['{name}'], hostile)).toThrow(OptionLikeNameError);
    expect(argumentsFor(['--title={name}', '-{name}'], hostile)).toEqual([
      '--title=--output=/etc/passwd',
      '---output=/etc/passwd',
    ]);
  });
});

describe('a name of a customer in code', () => {
  it.each([
    [['sh', '-c', 'echo {name}']],
    [['/bin/bash', '-euc', 'x {name}', 'bash']],
    [['env', 'A=b', 'bash', '-c', '{name}']],
    [['pwsh', '-NoProfile', '-Command', 'Write-Host', '{name}']],
    [['C:\\Program Files\\PowerShell\\7\\pwsh.exe', '-c', '"{name}"']],
    [['cmd.exe', '/d', '/c', 'echo', '{name}']],
    [['node', '-e', 'f("{name}")']],
    [['node', '--eval=f("{name}")']],
    [['python3.12', '-c', 'print("{name}")']],
    [['sudo', 'timeout', '5', 'python3', '-c', '{name}']],
    [['pwsh', '-NoProfile', '-ExecutionPolicy', 'Bypass', '-Command', 'Get-X {name}']],
    [['pwsh', '–c', 'Get-X', '-f', '{name}']],
    [['powershell', '-NoProfile', 'Get-X {name}']],
    [['cmd', '/cecho {name}']],
    [['bash', '-o', 'pipefail', '-c', 'echo {name}']],
    [['bash', '-ce', 'echo {name}']],
    [['bash', '-c', '--', 'echo {name}']],
    [['su', 'me', '-c', 'echo {name}']],
    [['node', '--import', './x.mjs', '-e', 'f("{name}")']],
    [['php', '-d', 'x=1', '-r', 'f("{name}");']],
    [['perl', '-Mfeature=say', '-e', 'say "{name}"']],
    [['perl', '-e', 'f', '-e', '{name}']],
    [['python3', '-cprint("{name}")']],
    [['env', '-S', 'sh -c {name}']],
    [['ssh', 'host', 'x {name}']],
    [['awk', '/{name}/']],
  ])('is refused: %j', ([program = '', ...args]) => {
    expect(() => refuseNamesInCode(program, args)).toThrow('Read PTB_TENANT_NAME in it instead');
  });

  it.each([
    [['sh', '-c', 'echo "$1"', 'sh', '{name}']],
    [['sh', '-c', 'echo {tenantId} {domain}']],
    [['sh', 'script.sh', '{name}']],
    [['pwsh', '-File', 'report.ps1', '-Name', '{name}']],
    [['node', 'report.mjs', '-e', '{name}']],
    [['python3', '-u', 'report.py', '--customer', '{name}']],
    [['python3', '-m', 'report', '{name}']],
    [['node', '-e', 'f(process.argv[1])', '{name}']],
    [['pwsh', '-NoProfile', '-ExecutionPolicy', 'Bypass', '-File', 'report.ps1', '-Company', '{name}']],
    [['awk', '-f', 'report.awk', '{name}']],
    [['assess', '-c', '{name}']],
    [['{name}']],
  ])('is passed on as an argument: %j', ([program = '', ...args]) => {
    expect(() => refuseNamesInCode(program, args)).not.toThrow();
  });

  it('is not smuggled in as a domain', () => {
    expect(argumentsFor(['{domain}'], { ...tenant, defaultDomain: '$(id).example' })).toEqual([tenant.tenantId]);
  });
});

describe('the folder of a tenant', () => {
  it.each([
    ['contoso.com', 'contoso.com'],
    ['../contoso.com', tenant.tenantId],
    ['..', tenant.tenantId],
    ['a/b.example', tenant.tenantId],
    // Windows takes these for devices, whatever follows the dot.
    ['con.example', tenant.tenantId],
    ['LPT1.example', tenant.tenantId],
    ['contoso.com.', tenant.tenantId],
    ['con-tosc.example', 'con-tosc.example'],
  ])('for the domain %s is %s', (defaultDomain, name) => {
    expect(folderNameOf({ ...tenant, defaultDomain })).toBe(name);
  });
});

describe('environment of a program', () => {
  const identity = { url: 'http://127.0.0.1:1/msi/token', header: 'secret' };
  const environmentOf = (operator: NodeJS.ProcessEnv, of: typeof tenant, access: ChildAccess) =>
    childEnvironment(commonEnvironment(operator), of, access);

  it('keeps what the operator has, without what leads to another identity or to the broker', () => {
    const operator = {
      PATH: '/bin',
      AZURE_CLIENT_ID: 'a',
      AZURE_CLIENT_SECRET: 'b',
      azure_tenant_id: 'c',
      AZURE_FEDERATED_TOKEN_FILE: 'd',
      IDENTITY_SERVER_THUMBPRINT: 'e',
      IMDS_ENDPOINT: 'f',
      MSI_ENDPOINT: 'g',
      MSI_SECRET: 'h',
      AzureServicesAuthConnectionString: 'RunAs=App;AppId=q',
      AZURE_AUTH_LOCATION: 'r',
      IDENTITY_ENDPOINT: 'i',
      IDENTITY_HEADER: 'j',
      PTB_TOKEN: 'k',
      PTB_FUNCTION_KEY: 'l',
      BROKER_CLIENT_ID: 'm',
      PTB_GRAPH_URL: 'n',
      PTB_OUTPUT_DIR: 'o',
      PTB_TENANT_DOMAIN: 'p',
      CALLER_ID: 's',
      CALLER_SECRET: 't',
      CALLER_TOKEN: 'u',
      // What `. .local/demo.env` and `azd env get-values` leave in a shell.
      AzureWebJobsStorage: 'AccountKey=v',
      NOTIFICATION_WEBHOOK: 'w',
      NOTIFICATION_SIGNED_WEBHOOK: 'x',
      NOTIFICATION_SIGNING_SECRET: 'y',
      // Sign-ins of Terraform and of pipelines.
      ARM_CLIENT_SECRET: 'z',
      AZURE_CERTIFICATE_PASSWORD: 'z',
      AZCOPY_SPA_CLIENT_SECRET: 'z',
      ARM_OIDC_TOKEN: 'a',
      ARM_ACCESS_KEY: 'b',
      ACTIONS_ID_TOKEN_REQUEST_URL: 'c',
      ACTIONS_ID_TOKEN_REQUEST_TOKEN: 'd',
      SYSTEM_OIDCREQUESTURI: 'e',
      SYSTEM_ACCESSTOKEN: 'f',
      AZURESUBSCRIPTION_CLIENT_ID: 'g',
      servicePrincipalKey: 'h',
      idToken: 'i',
      // What a program writes there takes effect in later steps of a pipeline.
      GITHUB_ENV: 'j',
      GITHUB_PATH: 'k',
      GITHUB_OUTPUT: 'l',
      GITHUB_STATE: 'm',
    };
    expect(environmentOf(operator, tenant, { identity })).toEqual({
      PATH: '/bin',
      AZURE_TOKEN_CREDENTIALS: 'prod',
      NO_PROXY: '127.0.0.1',
      no_proxy: '127.0.0.1',
      IDENTITY_ENDPOINT: identity.url,
      IDENTITY_HEADER: 'secret',
      PTB_TENANT_ID: tenant.tenantId,
      PTB_TENANT_NAME: tenant.name,
      PTB_TENANT_DOMAIN: 'contoso.com',
    });
  });

  it.each([
    [{ NO_PROXY: 'a.example,b.example' }, 'a.example,b.example,127.0.0.1'],
    [{ no_proxy: 'a.example', NO_PROXY: 'b.example, a.example' }, 'a.example,b.example,127.0.0.1'],
    [{ no_proxy: '127.0.0.1' }, '127.0.0.1'],
    [{ No_Proxy: '*' }, '*'],
  ])('keeps the address of the program away from a proxy, with %j', (operator, expected) => {
    const found = environmentOf({ HTTP_PROXY: 'http://proxy.example', ...operator }, tenant, { identity });
    const names = Object.keys(found).filter((name) => name.toLowerCase() === 'no_proxy');
    expect(names.toSorted()).toEqual(['NO_PROXY', 'no_proxy']);
    expect([found['NO_PROXY'], found['no_proxy']]).toEqual([expected, expected]);
    expect(found['HTTP_PROXY']).toBe('http://proxy.example');
  });

  it('of a tenant without a domain has none, although an outer command has set one', () => {
    const { defaultDomain: _, ...nameless } = tenant;
    expect(environmentOf({ PTB_TENANT_DOMAIN: 'fabrikam.com' }, nameless, { identity })).not.toHaveProperty(
      'PTB_TENANT_DOMAIN',
    );
  });

  it('has the address of Graph and the folder if there are any', () => {
    const access = { identity, graphUrl: 'http://127.0.0.1:2/x', folder: '/out/contoso.com' };
    expect(environmentOf({}, tenant, access)).toMatchObject({
      PTB_GRAPH_URL: 'http://127.0.0.1:2/x',
      PTB_OUTPUT_DIR: '/out/contoso.com',
    });
  });
});

describe('resources of a program', () => {
  it('are known by their address, in any form that clients send', () => {
    const aliases = addResource('exchange', addResource('graph'));
    for (const identifier of [
      'https://graph.microsoft.com',
      'https://graph.microsoft.com/',
      'https://GRAPH.microsoft.com/.default',
      '00000003-0000-0000-c000-000000000000',
      'https://graph.microsoft.us/',
    ])
      expect(aliasOf(aliases, identifier)).toBe('graph');
    expect(aliasOf(aliases, 'https://outlook.office365.com')).toBe('exchange');
    expect(aliasOf(aliases, 'https://management.azure.com')).toBeUndefined();
    expect(aliasOf(aliases, 'https://graph.microsoft.com.example')).toBeUndefined();
    expect(aliasOf(aliases, '')).toBeUndefined();
  });

  it('may be those of the setting RESOURCES, with their identifier', () => {
    expect(aliasOf(addResource('billing=api://billing'), 'api://Billing/')).toBe('billing');
    expect(() => addResource('billing')).toThrow(
      'is not one of graph, aad-graph, partner-center, exchange, arm, office-management',
    );
    expect(() => addResource('constructor')).toThrow('The resource constructor is not one of');
  });

  it('are known by their application id, which compliance shares with exchange', () => {
    expect(aliasOf(addResource('teams'), '48AC35B8-9aa8-4d74-927d-1f4a14a0b239')).toBe('teams');
    const exchange = '00000002-0000-0ff1-ce00-000000000000/.default';
    expect(aliasOf(addResource('compliance', addResource('exchange')), exchange)).toBe('exchange');
    expect(aliasOf(addResource('compliance'), exchange)).toBeUndefined();
  });

  it('are known by the older names that Az and the Azure CLI send', () => {
    const aliases = addResource('arm');
    for (const host of ['core.windows.net', 'core.usgovcloudapi.net', 'core.chinacloudapi.cn', 'azure.com'])
      expect(aliasOf(aliases, `https://management.${host}/`)).toBe('arm');
    expect(aliasOf(addResource('graph'), 'https://management.core.windows.net/')).toBeUndefined();
  });
});

describe('lines of the output', () => {
  const lines = async (...chunks: readonly Uint8Array[]): Promise<string[]> => {
    const all: string[] = [];
    const source = async function* () {
      yield* chunks;
    };
    for await (const line of linesOf(source())) all.push(line);
    return all;
  };

  it('are whole, whatever pieces they arrive in', async () => {
    const bytes = Buffer.from('één\r\n\ntwo\nlast');
    for (let cut = 0; cut <= bytes.length; cut += 1)
      expect(await lines(bytes.subarray(0, cut), bytes.subarray(cut))).toEqual(['één', '', 'two', 'last']);
    expect(await lines(Buffer.from('end\n'))).toEqual(['end']);
    expect(await lines()).toEqual([]);
  });

  it('are cut if a program writes no line feed, and lose nothing', async () => {
    const long = 'x'.repeat(200_000);
    const found = await lines(Buffer.from(long.slice(0, 150_000)), Buffer.from(`${long.slice(150_000)}\nend`));
    expect(found.at(-1)).toBe('end');
    expect(found.slice(0, -1).join('')).toBe(long);
    expect(Math.max(...found.map((line) => line.length))).toBe(65_536);
  });

  it('are never cut inside a character', async () => {
    for (const long of ['😀'.repeat(50_000), `x${'😀'.repeat(50_000)}`]) {
      for (const bytes of [Buffer.from(long), Buffer.from(`${long}\n`)]) {
        const found = await lines(bytes.subarray(0, 140_001), bytes.subarray(140_001));
        expect(found.join('')).toBe(long);
        expect(found.every((line) => line.isWellFormed())).toBe(true);
      }
    }
  });

  it('show bytes that are no UTF-8 as the replacement character', async () => {
    expect(await lines(Buffer.from([0x61, 0xff, 0x0a, 0xc3]))).toEqual(['a\ufffd', '\ufffd']);
  });
});

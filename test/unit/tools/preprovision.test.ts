import { describe, expect, it } from 'vitest';
import { postprovision } from '../../../tools/postprovision.ts';
import { HookFailure, preprovision, type RunProgram } from '../../../tools/preprovision.ts';

const tenant = '11111111-1111-4111-8111-111111111111';
const outcome = {
  clientId: 'client',
  signInClientId: 'people',
  audiences: ['client', 'api://tenant/name'],
  steps: ['Create the application'],
};
const usual = {
  AZURE_ENV_NAME: 'prod',
  AZURE_LOCATION: 'westeurope',
  AZURE_SUBSCRIPTION_ID: 'subscription',
};

type Answer = { ok?: boolean; stdout?: string; stderr?: string };

/** Runs the hook. @param answers by the first two words of a command. */
async function runHook(environment: Record<string, string>, answers: Record<string, Answer> = {}, hook = preprovision) {
  const commands: string[] = [];
  const said: string[] = [];
  const known: Record<string, Answer> = {
    'az functionapp': { stdout: JSON.stringify([{ version: '22' }, { version: '24' }]) },
    'az account': { stdout: JSON.stringify({ tenantId: tenant }) },
    'az provider': { stdout: JSON.stringify({ registrationState: 'NotRegistered' }) },
    'ptb setup': { stdout: JSON.stringify(outcome) },
    ...answers,
  };
  const run: RunProgram = async (program, args) => {
    commands.push([program, ...args].join(' '));
    return { ok: true, stdout: '', stderr: '', ...known[`${program} ${args[0]}`] };
  };
  const failure = await hook({ environment, run, say: (line) => said.push(line) }).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (failure !== undefined && !(failure instanceof HookFailure)) throw failure;
  return { commands, said, message: failure?.message };
}

describe('the preprovision hook', () => {
  it('sets up the application in the tenant of the subscription and stores its values', async () => {
    const { commands, said } = await runHook(usual);
    expect(commands).toEqual([
      'az functionapp list-flexconsumption-runtimes --location westeurope --runtime node --output json',
      'az account show --subscription subscription --output json',
      `ptb setup api --az-login --yes --json --partner-tenant ${tenant} --name partner-token-broker-prod`,
      'azd env set BROKER_AUDIENCES client,api://tenant/name --environment prod',
      'azd env set BROKER_CLIENT_ID client --environment prod',
      'azd env set SIGN_IN_CLIENT_ID people --environment prod',
    ]);
    expect(said).toEqual(['Done: Create the application']);
  });

  it('stores nothing in a second run, and gives the roles to the operator of the environment', async () => {
    const values = {
      BROKER_AUDIENCES: 'client,api://tenant/name',
      BROKER_CLIENT_ID: 'client',
      SIGN_IN_CLIENT_ID: 'people',
    };
    const more = { PARTNER_TENANT_ID: 'partner', OPERATOR_OBJECT_ID: 'group' };
    const { commands } = await runHook({ ...usual, ...values, ...more });
    expect(commands.slice(1)).toEqual([
      'ptb setup api --az-login --yes --json --partner-tenant partner --name partner-token-broker-prod --principal group',
    ]);
  });

  it('leaves an application alone whose audiences were set by hand', async () => {
    const { commands, said } = await runHook({ ...usual, BROKER_AUDIENCES: 'mine' });
    expect(commands.filter((command) => !command.startsWith('az functionapp'))).toEqual([]);
    expect(said).toEqual([expect.stringContaining('is yours to manage')]);
  });

  it('stops with the next step if the account may not create applications', async () => {
    const { message, commands } = await runHook(usual, {
      'ptb setup': { ok: false, stderr: 'ptb: No. (operator_forbidden)\n' },
    });
    expect(message).toMatch(/^The broker's own application was not created\. ptb: No\. \(operator_forbidden\)\n/);
    expect(message).toContain(`ptb setup api --partner-tenant ${tenant} --name partner-token-broker-prod`);
    expect(message).toContain('azd env set BROKER_AUDIENCES');
    expect(commands.filter((command) => command.startsWith('azd'))).toEqual([]);
  });

  it('goes on with the stored audiences if the account may not read applications', async () => {
    const values = { BROKER_AUDIENCES: 'client,uri', BROKER_CLIENT_ID: 'client' };
    const { message, said } = await runHook(
      { ...usual, ...values },
      { 'ptb setup': { ok: false, stderr: 'ptb: No.' } },
    );
    expect(message).toBeUndefined();
    expect(said).toEqual([expect.stringMatching(/was not checked: ptb: No\. BROKER_AUDIENCES stays as it is\.$/)]);
  });

  it.each([
    [[{ version: '20' }, { version: '22' }], /has no Node\.js 24\. Run `azd env set NODE_VERSION 22`/],
    [[{ version: '20' }], /has no Node\.js 24\. Choose another region/],
  ])('stops before anything is created if the region has only %j', async (runtimes, text) => {
    const { message, commands } = await runHook(usual, { 'az functionapp': { stdout: JSON.stringify(runtimes) } });
    expect(message).toMatch(text);
    expect(commands).toHaveLength(1);
  });

  it('checks the version that the environment chooses', async () => {
    const runtimes = { 'az functionapp': { stdout: JSON.stringify([{ version: '22' }]) } };
    expect((await runHook({ ...usual, NODE_VERSION: '22' }, runtimes)).message).toBeUndefined();
  });

  it('registers Microsoft.App for a virtual network, once', async () => {
    const wanted = 'az provider register --namespace Microsoft.App --subscription subscription --wait --output json';
    expect((await runHook({ ...usual, VNET_ENABLED: 'true' })).commands).toContain(wanted);
    const registered = { 'az provider': { stdout: JSON.stringify({ registrationState: 'Registered' }) } };
    expect((await runHook({ ...usual, VNET_ENABLED: 'true' }, registered)).commands).not.toContain(wanted);
    expect((await runHook(usual)).commands.filter((command) => command.includes('provider'))).toEqual([]);
  });

  it.each(['AZURE_LOCATION', 'AZURE_SUBSCRIPTION_ID', 'AZURE_ENV_NAME'])('names %s if it is missing', async (name) => {
    const { message } = await runHook(Object.fromEntries(Object.entries(usual).filter(([key]) => key !== name)));
    expect(message).toMatch(new RegExp(`^${name} is not set\\.`));
  });

  it('says to sign in if the Azure CLI fails', async () => {
    const { message } = await runHook(usual, { 'az functionapp': { ok: false, stderr: 'Please run az login' } });
    expect(message).toBe(
      'az functionapp list-flexconsumption-runtimes failed: Please run az login Install the Azure CLI and run `az login`.',
    );
  });
});

describe('the postprovision hook', () => {
  const after = { ...usual, PARTNER_TENANT_ID: tenant, BROKER_URL: 'https://app.example' };

  it('registers the address of the dashboard', async () => {
    const { commands } = await runHook(after, {}, postprovision);
    expect(commands[0]).toBe(
      `ptb setup api --az-login --yes --json --partner-tenant ${tenant} --name partner-token-broker-prod --url https://app.example`,
    );
  });

  it.each([{ BROKER_AUDIENCES: 'client,uri', BROKER_CLIENT_ID: 'client' }, {}])(
    'says that the address is not registered, with the command for an administrator, and stops nothing: stored %j',
    async (known) => {
      const answers = { 'ptb setup': { ok: false, stderr: 'ptb: No.\n' } };
      const { message, said, commands } = await runHook({ ...after, ...known }, answers, postprovision);
      expect([message, commands.length]).toEqual([undefined, 1]);
      expect(said).toEqual([
        'The address of the dashboard is not registered, so nobody can sign in to it (AADSTS50011). ptb: No.\n' +
          `Have an administrator run \`ptb setup api --partner-tenant ${tenant} --name partner-token-broker-prod --url https://app.example --no-roles\`.`,
      ]);
    },
  );

  it('names the missing output of the template', async () => {
    expect((await runHook(usual, {}, postprovision)).message).toMatch(/^BROKER_URL is not set/);
  });
});

import { describe, expect, it } from 'vitest';
import { pipelineJob, tokenOfJob } from '../../../../src/cli/remote/pipeline-job.ts';

const client = '11111111-1111-4111-8111-111111111111';
const tenant = '22222222-2222-4222-8222-222222222222';

const github = {
  ACTIONS_ID_TOKEN_REQUEST_URL: 'https://runner.example/token?api-version=2.0',
  ACTIONS_ID_TOKEN_REQUEST_TOKEN: 'runner-token',
  AZURE_CLIENT_ID: client,
  AZURE_TENANT_ID: tenant,
};
const azure = {
  SYSTEM_OIDCREQUESTURI: 'https://dev.azure.example/project/oidctoken',
  SYSTEM_ACCESSTOKEN: 'system-token',
  AZURESUBSCRIPTION_SERVICE_CONNECTION_ID: 'connection',
  AZURESUBSCRIPTION_CLIENT_ID: client,
  AZURESUBSCRIPTION_TENANT_ID: tenant,
};

interface Seen {
  readonly url: string;
  readonly method: string;
  readonly authorization: string | null;
  readonly form: Readonly<Record<string, string>>;
}

const entraAnswer = { access_token: 'token-for-the-broker', token_type: 'Bearer', expires_in: 3600 };

async function exchange(
  variables: Readonly<Record<string, string>>,
  answers: readonly (readonly [status: number, body: object])[],
) {
  const seen: Seen[] = [];
  const fetch = async (url: string, init: RequestInit): Promise<Response> => {
    const [status, body] = answers[seen.length] ?? [500, {}];
    seen.push({
      url,
      method: init.method ?? '',
      authorization: new Headers(init.headers).get('authorization'),
      form: Object.fromEntries(new URLSearchParams(typeof init.body === 'string' ? init.body : '')),
    });
    return Response.json(body, { status });
  };
  const job = pipelineJob(variables);
  if (job === undefined) throw new Error('no job');
  const outcome = await tokenOfJob(fetch, job, { variables, scope: 'broker/.default', nowMs: 1_000 }).catch(
    (thrown: unknown) => thrown,
  );
  return { seen, outcome };
}

describe('the job of a pipeline', () => {
  it.each([
    [
      'GitHub Actions',
      github,
      'value',
      'GET',
      'https://runner.example/token?api-version=2.0&audience=api%3A%2F%2FAzureADTokenExchange',
      'Bearer runner-token',
    ],
    [
      'Azure Pipelines',
      azure,
      'oidcToken',
      'POST',
      'https://dev.azure.example/project/oidctoken?api-version=7.1&serviceConnectionId=connection',
      'Bearer system-token',
    ],
  ])(
    'of %s gets a token of Entra for its own, without a secret',
    async (_name, variables, property, method, url, authorization) => {
      const { seen, outcome } = await exchange(variables, [
        [200, { [property]: 'token-of-the-job' }],
        [200, entraAnswer],
      ]);
      expect(seen).toEqual([
        { url, method, authorization, form: {} },
        {
          url: `https://login.microsoftonline.com/${tenant}/oauth2/v2.0/token`,
          method: 'POST',
          authorization: null,
          form: {
            grant_type: 'client_credentials',
            client_id: client,
            client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
            client_assertion: 'token-of-the-job',
            scope: 'broker/.default',
          },
        },
      ]);
      expect(outcome).toMatchObject({ expiresAtMs: 3_601_000 });
      expect((outcome as { accessToken: { reveal(): string } }).accessToken.reveal()).toBe('token-for-the-broker');
    },
  );

  it('asks the authority of another cloud, with the audience of that cloud', async () => {
    const china = { ...github, AZURE_AUTHORITY_HOST: 'https://login.partner.microsoftonline.cn/' };
    const { seen } = await exchange(china, [
      [200, { value: 'token-of-the-job' }],
      [200, entraAnswer],
    ]);
    expect(new URL(seen[0]?.url ?? '').searchParams.get('audience')).toBe('api://AzureADTokenExchangeChina');
    expect(seen[1]?.url).toBe(`https://login.partner.microsoftonline.cn/${tenant}/oauth2/v2.0/token`);
  });

  it('says what the job lacks if the pipeline issues no token, and nothing of its answer', async () => {
    const { outcome } = await exchange(github, [[403, { message: 'secret' }]]);
    expect(outcome).toMatchObject({
      code: 'caller_unauthenticated',
      detail: 'GitHub Actions issued no token for this job (HTTP 403).',
      nextStep: expect.stringContaining('id-token: write') as string,
    });
    expect((await exchange(azure, [[401, {}]])).outcome).toMatchObject({
      detail: 'Azure Pipelines issued no token for this job (HTTP 401).',
      nextStep: expect.stringContaining('System.AccessToken') as string,
    });
  });

  it('is told what to compare if Entra does not trust it, and that Entra fails if it does', async () => {
    const refused = { error: 'invalid_client', error_codes: [700213], error_description: 'AADSTS700213: No match.' };
    const job = [200, { value: 'token-of-the-job' }] as const;
    expect((await exchange(github, [job, [400, refused]])).outcome).toMatchObject({
      code: 'caller_unauthenticated',
      nextStep: expect.stringContaining(`federated credential of the application ${client}`) as string,
    });
    expect((await exchange(github, [job, [503, {}]])).outcome).toMatchObject({ code: 'entra_unavailable' });
    expect((await exchange(github, [job, [429, {}]])).outcome).toMatchObject({ code: 'throttled' });
  });

  it.each([
    [501051, 'invalid_grant', 'app role of the broker'],
    [500011, 'invalid_resource', 'BROKER_CLIENT_ID'],
    [700016, 'unauthorized_client', 'not in that tenant'],
    [53003, 'access_denied', 'sign-in log'],
  ])('is told the step for AADSTS%i, which is not about its federated credential', async (number, error, step) => {
    const body = { error, error_codes: [number], error_description: `AADSTS${number}: No.` };
    const { outcome } = await exchange(github, [
      [200, { value: 'token-of-the-job' }],
      [400, body],
    ]);
    expect(outcome).toMatchObject({ code: 'caller_unauthenticated' });
    expect((outcome as { nextStep: string }).nextStep).toContain(step);
  });

  it('does not blame the job if the pipeline fails', async () => {
    for (const status of [200, 429, 503]) {
      const { outcome } = await exchange(github, [[status, {}]]);
      expect(outcome).toMatchObject({ code: 'resource_error' });
      expect(outcome).not.toHaveProperty('nextStep');
    }
  });

  it.each(['http://login.example', 'login.example'])('sends no token in the clear, as to %s', async (host) => {
    const variables = { ...github, AZURE_AUTHORITY_HOST: host };
    expect(() => pipelineJob(variables)).toThrow('AZURE_AUTHORITY_HOST: is no https address.');
    const { seen, outcome } = await exchange({ ...azure, AZURE_AUTHORITY_HOST: host }, [
      [200, { oidcToken: 'token-of-the-job' }],
    ]);
    expect([seen.length, String(outcome)]).toEqual([1, expect.stringContaining('is no https address')]);
  });

  it.each([
    ['no job', {}],
    ['a job without an application', { ...github, AZURE_CLIENT_ID: '' }],
    ['a job of Azure Pipelines without its token', { ...azure, SYSTEM_ACCESSTOKEN: '' }],
    ['an application outside of a pipeline', { AZURE_CLIENT_ID: client, AZURE_TENANT_ID: tenant }],
  ])('is none with %s', (_what, variables) => expect(pipelineJob(variables)).toBeUndefined());

  it('names a variable that is no address', () => {
    expect(() => pipelineJob({ ...github, ACTIONS_ID_TOKEN_REQUEST_URL: 'runner' })).toThrow(
      'ACTIONS_ID_TOKEN_REQUEST_URL: is no address.',
    );
  });

  it('names a variable that is no GUID', () => {
    expect(() => pipelineJob({ ...github, AZURE_TENANT_ID: 'contoso.com' })).toThrow('AZURE_TENANT_ID: is not a GUID.');
  });
});

import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { readDemo } from '../../../../src/cli/demo/running-demo.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ptb-demo-'));
  await mkdir(join(folder, '.local'));
});
afterEach(() => rm(folder, { recursive: true }));

const lines = {
  BROKER_URL: 'http://127.0.0.1:7071',
  CALLER_TOKEN: "a'b",
  CONTROL_URL: 'http://127.0.0.1:1',
  CA_FILE: '/ca.pem',
  KEY_VAULT_URL: 'https://localhost:2',
  CLOUD_ENDPOINTS: '{"entra":"https://localhost:3","graph":"https://127.0.0.1:4"}',
};
const account =
  'DefaultEndpointsProtocol=http;AccountName=a;AccountKey=a2V5Cg==;BlobEndpoint=http://127.0.0.1:1/a;QueueEndpoint=http://127.0.0.1:2/a;TableEndpoint=http://127.0.0.1:3/a';
const read = async (more: Readonly<Record<string, string>> = {}) => {
  const text = Object.entries({ ...lines, ...more })
    .map(([name, value]) => `# ${name}='${value.replaceAll("'", String.raw`'\''`)}'\n`)
    .join('');
  await writeFile(join(folder, '.local/demo.env'), text);
  return readDemo(folder);
};

it('reads the demo of the folder, and no variable that programs obey', async () => {
  const { KEY_VAULT_URL, CLOUD_ENDPOINTS } = lines;
  expect(await read({ NODE_OPTIONS: '--import /evil.js', PTB_BROWSER: '/evil' })).toEqual({
    url: 'http://127.0.0.1:7071',
    token: "a'b",
    control: 'http://127.0.0.1:1',
    caFile: '/ca.pem',
    settings: { KEY_VAULT_URL, CLOUD_ENDPOINTS },
  });
  expect(await readDemo(join(folder, 'none'))).toBeUndefined();
});

it('reads a setting whose text names another address without leading there', async () => {
  const settings = { ACCESS_POLICY: '/home/me/see https://example.com/policy.json', AzureWebJobsStorage: account };
  expect(await read(settings)).toMatchObject({ settings });
});

it.each([
  { BROKER_URL: 'https://evil.example' },
  { CONTROL_URL: 'http://evil.example' },
  { KEY_VAULT_URL: 'HTTPS://evil.example' },
  { AzureWebJobsStorage: 'DefaultEndpointsProtocol=https;AccountName=evil;AccountKey=a2V5' },
  { AzureWebJobsStorage: 'AccountName=evil;AccountKey=a2V5;EndpointSuffix=evil.example' },
  { KEY_VAULT_URL: 'https://evil.vault.azure.net' },
  { CLOUD_ENDPOINTS: '{"entra":"https://localhost:3","graph":"https://127.0.0.1.evil.example"}' },
  { AzureWebJobsStorage: 'BlobEndpoint=https://evil.blob.core.windows.net/;AccountName=a' },
  { AzureWebJobsStorage: `${account};TableEndpoint=http://evil.example` },
  { AzureWebJobsStorage: `${account};tableendpoint=http://evil.example` },
  { AzureWebJobsStorage: account.replace(/TableEndpoint=.*/, '') },
  { CLOUD_ENDPOINTS: String.raw`{"entra":"https:\u002f\u002fevil.example"}` },
  { KEY_VAULT_URL: String.raw`https:\\evil.example` },
  { ACCESS_POLICY: 'https://evil.example/policy.json' },
  { CA_FILE: String.raw`\\evil.example\share\ca.pem` },
  { CALLER_TOKEN: '' },
])('takes a file for no demo that has %j', async (more) => {
  expect(await read(more)).toBeUndefined();
});

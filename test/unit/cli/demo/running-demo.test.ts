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

it.each([
  { BROKER_URL: 'https://evil.example' },
  { CONTROL_URL: 'http://evil.example' },
  { KEY_VAULT_URL: 'HTTPS://evil.example' },
  { AzureWebJobsStorage: 'DefaultEndpointsProtocol=https;AccountName=evil;AccountKey=a2V5' },
  { AzureWebJobsStorage: 'AccountName=evil;AccountKey=a2V5;EndpointSuffix=evil.example' },
  { KEY_VAULT_URL: 'https://evil.vault.azure.net' },
  { CLOUD_ENDPOINTS: '{"entra":"https://localhost:3","graph":"https://127.0.0.1.evil.example"}' },
  { AzureWebJobsStorage: 'BlobEndpoint=https://evil.blob.core.windows.net/;AccountName=a' },
  { CALLER_TOKEN: '' },
])('takes a file for no demo that has %j', async (more) => {
  expect(await read(more)).toBeUndefined();
});

import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import parameters from '../../../infra/main.parameters.json' with { type: 'json' };
import project from '../../../package.json' with { type: 'json' };
import {
  changeSource,
  changeTestSource,
  jobSource,
  jobTestSource,
  withJob,
  withPackageImports,
} from '../jobs/job-template.ts';
import { UsageError } from '../run-program.ts';
import { jobList } from './own-project.ts';

/** Names of the job and the change that a new project has. */
const samples = { job: 'old-passwords', change: 'no-new-groups' };

/**
 * Writes a project with jobs of its own: a job, a change, their tests, a policy, parameters of the deployment, and a workflow.
 * @param folder is created. It may have a `.git`.
 * @returns the paths of the files, relative to the folder.
 * @throws UsageError if the folder is not empty. Then nothing is written.
 */
export async function newProject(folder: string): Promise<readonly string[]> {
  const present = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw new UsageError(`${folder} cannot be used as a folder (${error.code}). Name a new or an empty one.`);
  });
  if (present.some((name) => name !== '.git'))
    throw new UsageError(`${folder} is not empty. Name a new or an empty folder.`);
  const files = projectFiles(basename(resolve(folder)));
  for (const [path, text] of Object.entries(files)) {
    await mkdir(join(folder, dirname(path)), { recursive: true });
    await writeFile(join(folder, path), text, { flag: 'wx' });
  }
  return Object.keys(files);
}

/** A name that npm accepts, made of the name of a folder. A package cannot depend on one of its own name. */
function packageName(folder: string): string {
  const name = folder
    .toLowerCase()
    .replaceAll(/[^a-z0-9-]+/g, '-')
    .replaceAll(/^-+|-+$/g, '')
    .slice(0, 100);
  return name === project.name ? `${name}-jobs` : name || 'broker';
}

const json = (value: object): string => `${JSON.stringify(value, undefined, 2)}\n`;

function projectFiles(folder: string): Readonly<Record<string, string>> {
  const { job, change } = samples;
  return {
    'package.json': json(manifest(packageName(folder))),
    'tsconfig.json': json(compiler),
    [jobList]: jobs(),
    [`src/jobs/${job}.ts`]: withPackageImports(jobSource(job)),
    [`src/jobs/${change}.ts`]: withPackageImports(changeSource(change)),
    [`test/unit/jobs/${job}.test.ts`]: withPackageImports(jobTestSource(job)),
    [`test/unit/jobs/${change}.test.ts`]: withPackageImports(changeTestSource(change)),
    'access-policy.json': json(policy),
    'infra/main.bicepparam': bicepParameters(),
    'azure.yaml': azd,
    '.github/workflows/deploy.yml': workflow,
    '.gitignore': 'node_modules/\nout/\n.local/\n.azure/\n',
    'README.md': readme(folder),
  };
}

function manifest(name: string): object {
  const { devDependencies: versions } = project;
  return {
    name,
    version: '0.1.0',
    private: true,
    type: 'module',
    engines: project.engines,
    scripts: {
      check: 'tsc',
      test: 'vitest run',
      package: 'ptb package',
      start: 'ptb package && ptb demo --app out/app',
    },
    dependencies: { 'partner-token-broker': project.version, zod: project.dependencies.zod },
    devDependencies: {
      '@types/node': versions['@types/node'],
      azurite: versions.azurite,
      esbuild: versions.esbuild,
      typescript: versions.typescript,
      vitest: versions.vitest,
    },
  };
}

const compiler = {
  compilerOptions: {
    target: 'es2023',
    module: 'nodenext',
    types: ['node'],
    strict: true,
    noUncheckedIndexedAccess: true,
    erasableSyntaxOnly: true,
    verbatimModuleSyntax: true,
    allowImportingTsExtensions: true,
    skipLibCheck: true,
    noEmit: true,
  },
  include: ['src', 'test'],
};

/** The list has the form that `ptb jobs new` extends. */
function jobs(): string {
  const empty = `import type { Job } from 'partner-token-broker/job';
import { jobs as builtIn } from 'partner-token-broker/jobs';
import oldPasswords from './${samples.job}.ts';

/** All jobs of this app. Without \`...builtIn\`, it has only those of this folder. */
export const jobs: readonly Job[] = [...builtIn, oldPasswords];
`;
  return withJob(empty, samples.change) ?? empty;
}

const policy = {
  $schema: './node_modules/partner-token-broker/access-policy.schema.json',
  version: 1,
  rules: [
    {
      name: 'operators may try one customer with the Azure CLI',
      callers: { applications: ['04b07795-8ddb-461a-bbee-02f9e1bf7b46'], roles: ['Tokens.Request'] },
      tenants: ['contoso.com'],
      resources: ['graph'],
    },
  ],
};

/**
 * The parameters of the template that azd fills from its environment, in a file that names the template in this package: so an
 * update of the package updates the template.
 */
function bicepParameters(): string {
  const lines = Object.entries(parameters.parameters).map(([name, { value }]) => `param ${name} = ${readAs(value)}`);
  return `using '../node_modules/partner-token-broker/infra/main.bicep'\n\n${lines.join('\n')}\n`;
}

/** `${NAME=default}` of azd as Bicep reads a variable. */
function readAs(value: string): string {
  const [, variable = '', fallback = ''] = /^\$\{(\w+)(?:=(.*))?\}$/.exec(value) ?? [];
  const nested = /^\$\{\w+\}$/.test(fallback) ? readAs(fallback) : `'${fallback}'`;
  const read = `readEnvironmentVariable('${variable}', ${nested})`;
  return fallback === 'true' || fallback === 'false' ? `bool(${read})` : read;
}

const hook = (name: string, command: string, indent: string): string => `${indent}${name}:
${indent}  posix: { shell: sh, run: ${command} }
${indent}  windows: { shell: pwsh, run: ${command} }
`;
const script = (name: string): string => `node node_modules/partner-token-broker/azd/${name}.js`;

const azd = `# yaml-language-server: $schema=https://raw.githubusercontent.com/Azure/azure-dev/main/schemas/v1.0/azure.yaml.json
name: partner-token-broker
infra: { provider: bicep, path: infra, module: main }
workflows:
  up:
    steps:
      - azd: provision
      - azd: deploy --all
# Run \`npm ci\` first.
hooks:
${hook('preprovision', script('preprovision'), '  ')}${hook('postprovision', script('postprovision'), '  ')}services:
  broker:
    project: .
    host: function
    language: custom
    dist: out/app.zip
    remoteBuild: false
    hooks:
${hook('prepackage', 'npm run package', '      ')}`;

const workflow = `# Tests each push, and deploys main. Set the variables AZURE_CLIENT_ID, AZURE_TENANT_ID, AZURE_SUBSCRIPTION_ID, RESOURCE_GROUP
# and FUNCTION_APP of the environment "production", and trust it with a federated credential in Entra. No secret is stored.
# Limit the environment to the branch main: a branch can change this file, and the credential trusts the environment.
# If the Durable Task Scheduler keeps runs, set the variable DURABLE_BACKEND of the repository to durableTaskScheduler.
# While ADMIN_ISOLATION is on, the last step does not end: it waits for /admin/host/status.
name: deploy
on:
  push:
  workflow_dispatch:

permissions:
  contents: read

jobs:
  test:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@3d3c42e5aac5ba805825da76410c181273ba90b1 # v7.0.1
        with: { persist-credentials: false }
      - uses: actions/setup-node@820762786026740c76f36085b0efc47a31fe5020 # v7.0.0
        with: { node-version: 24, cache: npm }
      - run: npm ci
      - run: npm run check
      - run: npm test
      - run: npm run package
        env: { DURABLE_BACKEND: "\${{ vars.DURABLE_BACKEND }}" }
      - uses: actions/upload-artifact@bbbca2ddaa5d8feaa63e36b76fdaad77386f024f # v7.0.0
        with: { name: app, path: out/app.zip, if-no-files-found: error }

  deploy:
    needs: test
    if: github.ref == 'refs/heads/main'
    runs-on: ubuntu-latest
    environment: production
    timeout-minutes: 30
    # One deployment at a time, and none is stopped half-way.
    concurrency: { group: production, cancel-in-progress: false }
    permissions:
      id-token: write
    steps:
      - uses: actions/download-artifact@3e5f45b2cfb9172054b4087a40e8e0b5a5461e7c # v8.0.1
        with: { name: app }
      - name: Sign in to Azure
        env:
          CLIENT: \${{ vars.AZURE_CLIENT_ID }}
          TENANT: \${{ vars.AZURE_TENANT_ID }}
          SUBSCRIPTION: \${{ vars.AZURE_SUBSCRIPTION_ID }}
        run: |
          token=$(curl -sSf -H "Authorization: bearer $ACTIONS_ID_TOKEN_REQUEST_TOKEN" "$ACTIONS_ID_TOKEN_REQUEST_URL&audience=api://AzureADTokenExchange" | jq -r .value)
          az login --service-principal --username "$CLIENT" --tenant "$TENANT" --federated-token "$token" --output none
          az account set --subscription "$SUBSCRIPTION"
      - name: Deploy
        env:
          GROUP: \${{ vars.RESOURCE_GROUP }}
          APP: \${{ vars.FUNCTION_APP }}
        run: az functionapp deployment source config-zip --resource-group "$GROUP" --name "$APP" --src app.zip
`;

const readme = (folder: string): string => `# ${folder}

A [partner-token-broker](https://www.npmjs.com/package/partner-token-broker) with jobs of our own.

\`\`\`sh
npm install
npm test
npm start                # the simulated cloud, with these jobs
npx ptb jobs new NAME    # another job and its test
npm run package          # out/app.zip, which is deployed
\`\`\`

\`npm install --save-exact partner-token-broker@VERSION\` updates the app; its CHANGELOG.md says what changes.
`;

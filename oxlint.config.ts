import { builtinModules } from 'node:module';
import { defineConfig, type OxlintOverride } from 'oxlint';

/** The layers of src/lib, lowest first. A room imports only rooms of lower layers (ARCHITECTURE.md). */
export const layers: readonly (readonly string[])[] = [
  ['core'],
  ['audit', 'judge', 'microsoft'],
  ['tenants'],
  ['access'],
  ['notices'],
  ['approvals'],
  ['tokens'],
  ['health', 'runs'],
  ['gateway', 'tenant-events'],
  ['changes', 'config', 'consent'],
  ['api'],
];
const folders = layers.flat();

type ImportRule = { regex: string; message: string; allowTypeImports?: boolean };

/** Matches a relative path that leaves its folder and leads into one of these folders or files, however it is spelled. */
const into = (names: readonly string[]): string =>
  `^(\\./)*(\\.\\./|[\\w-]+/\\.\\./)(\\./|\\.\\./|[\\w-]+/\\.\\./)*(src/)?(lib/)?(${names.join('|')})(/|\\.ts$)`;

const forbid = (names: readonly string[], message: string): ImportRule => ({ regex: into(names), message });

const sdkByTypeOnly: ImportRule = {
  regex: '^(@azure/functions|durable-functions)$',
  message: 'Only src/functions imports the Functions libraries by value.',
  allowTypeImports: true,
};
const workspaces: ImportRule = {
  regex: '^(microsoft-cloud|functions-host)(/|$)',
  message: 'These workspaces never ship with the app: within src, only src/cli imports them.',
};
const permissionMap: ImportRule = {
  regex: '^graph-permissions(/|$)',
  message: 'The permission map belongs to lib/judge and the parts above it.',
};
const environment: ImportRule = {
  regex: '^(node:)?process$',
  message: 'Only the composition root and the command line read the environment.',
};
const app = ['functions', 'jobs', 'cli', 'operator', 'composition', 'services', 'index'];
const outside = ['packages', 'tools', 'test', 'bench', 'dashboard', 'clients'];

const restrict = (files: string[], patterns: ImportRule[]): OxlintOverride => ({
  files,
  rules: { 'no-restricted-imports': ['error', { patterns }] },
});

const inLibrary = [
  forbid([...app, ...outside], 'src/lib imports nothing of the app above it.'),
  workspaces,
  sdkByTypeOnly,
  environment,
];

/** A folder of src/lib that has no layer yet may import nothing of the others. */
const withoutLayer = restrict(
  ['src/lib/**'],
  [...inLibrary, forbid(folders, 'Give the folder a layer in oxlint.config.ts.')],
);

const judging = layers.findIndex((layer) => layer.includes('judge'));

const libraryFolders = layers.flatMap((layer, level) =>
  layer.map((folder) => {
    const upper = layers
      .slice(level)
      .flat()
      .filter((other) => other !== folder);
    const rules = [...inLibrary];
    if (level < judging) rules.push(permissionMap);
    if (upper.length > 0) rules.push(forbid(upper, `lib/${folder} imports only from lower layers.`));
    return restrict([`src/lib/${folder}/**`], rules);
  }),
);

/** The orchestrators are deterministic, so they import the durable library and no side effects. */
const orchestrators = restrict(
  ['src/lib/runs/engine/{fan-out,apply-waves}.ts', 'src/lib/approvals/wait-for-approval.ts'],
  [
    forbid(
      [...app, ...outside, 'api', 'changes', 'config', 'consent', 'gateway', 'tenant-events', 'tokens', 'health'],
      'An orchestrator imports only from lower layers.',
    ),
    workspaces,
    { ...sdkByTypeOnly, regex: '^@azure/functions$' },
    { regex: `^(node:.*|${builtinModules.join('|')})$`, message: 'Orchestrators are deterministic: no side effects.' },
  ],
);

export default defineConfig({
  plugins: ['typescript', 'unicorn', 'oxc', 'import', 'vitest', 'promise', 'node'],
  categories: { correctness: 'error', suspicious: 'error' },
  rules: {
    'typescript/no-explicit-any': 'error',
    'typescript/no-floating-promises': 'error',
    'typescript/no-misused-promises': 'error',
    'import/no-cycle': ['error', { ignoreTypes: false }],
    'import/no-unassigned-import': 'off',
    'no-await-in-loop': 'off',
    'import/no-named-as-default-member': 'off',
    'promise/always-return': 'off',
    'typescript/no-unsafe-type-assertion': 'off',
    'typescript/consistent-return': 'off',
    'consistent-return': 'off',
    'no-shadow': 'off',
    'unicorn/consistent-function-scoping': 'off',
    'vitest/require-to-throw-message': 'off',
    'no-underscore-dangle': 'off',
  },
  overrides: [
    {
      files: ['test/**', 'packages/*/test/**'],
      rules: {
        'typescript/restrict-template-expressions': 'off',
        'typescript/no-base-to-string': 'off',
        'typescript/no-misused-spread': 'off',
        'vitest/no-conditional-expect': 'off',
      },
    },
    {
      // The test runner awaits what describe and it return. Examples show them as everybody writes them.
      files: ['packages/microsoft-cloud/test/examples/*.ts'],
      rules: {
        'typescript/no-floating-promises': [
          'error',
          { allowForKnownSafeCalls: [{ from: 'package', package: 'node:test', name: ['describe', 'it'] }] },
        ],
      },
    },
    {
      files: ['src/**', 'packages/*/src/**', 'dashboard/**', 'clients/**'],
      rules: { 'max-params': ['error', { max: 4 }] },
    },
    // The composition root and the command line are the only readers of the environment.
    { files: ['src/**'], rules: { 'node/no-process-env': 'error' } },
    { files: ['src/composition.ts', 'src/cli/**'], rules: { 'node/no-process-env': 'off' } },
    withoutLayer,
    ...libraryFolders,
    orchestrators,
    restrict(
      ['src/jobs/**'],
      [
        forbid(
          [
            'functions',
            'cli',
            'operator',
            'composition',
            'services',
            ...outside,
            ...folders.filter((folder) => !['changes', 'core', 'microsoft', 'runs'].includes(folder)),
          ],
          'A job imports only lib/runs, lib/changes, lib/microsoft and lib/core.',
        ),
        workspaces,
        permissionMap,
        sdkByTypeOnly,
      ],
    ),
    restrict(
      ['src/*.ts'],
      [
        forbid(['functions', 'jobs', 'cli', ...outside], 'The composition root imports src/lib only.'),
        workspaces,
        sdkByTypeOnly,
      ],
    ),
    restrict(
      ['src/functions/**', 'src/index.ts'],
      [forbid(['cli', 'operator', ...outside], 'The app does not import the command line.'), workspaces],
    ),
    restrict(
      ['src/operator/**'],
      [
        forbid(
          [...app.filter((part) => part !== 'operator'), ...outside],
          'What the command line does for operators imports src/lib only.',
        ),
        workspaces,
        sdkByTypeOnly,
        environment,
      ],
    ),
    restrict(
      ['src/cli/**'],
      [
        forbid(
          ['functions', 'composition', 'services', ...outside],
          'The command line reaches the app over HTTP or through src/lib.',
        ),
        sdkByTypeOnly,
      ],
    ),
    ...[
      ['microsoft-cloud', 'functions-host'],
      ['functions-host', 'microsoft-cloud|graph-permissions'],
      ['graph-permissions', 'microsoft-cloud|functions-host'],
    ].flatMap(([name = '', others = '']) => {
      const rules = [
        forbid(
          [...app.filter((part) => part !== 'index'), ...outside.filter((part) => part !== 'test'), 'lib', others],
          'A workspace imports nothing of the app.',
        ),
        { regex: `^(${others})(/|$)`, message: 'A workspace stands alone.' },
      ];
      const ownSources = { regex: '^[./]*(src|test)/', message: 'A workspace stands alone.' };
      return [restrict([`packages/${name}/**`], rules), restrict([`packages/${name}/src/**`], [...rules, ownSources])];
    }),
  ],
  ignorePatterns: ['dist', 'build', 'out', 'coverage', 'node_modules'],
});

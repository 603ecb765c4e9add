/**
 * The keys of azure.yaml that this project uses, in the terms of azd's schema (Azure/azure-dev,
 * schemas/v1.0/azure.yaml.json). It is stricter than azd: an unknown key is an error at every level, because azd ignores it.
 */
const text = { type: 'string', minLength: 1 } as const;

/** Names in azd's list of hooks, with the part that a command or a service has. */
const hooksOf = (events: readonly string[]) => ({
  type: 'object',
  additionalProperties: false,
  properties: Object.fromEntries(
    events.flatMap((event) => [`pre${event}`, `post${event}`]).map((name) => [name, { $ref: '#/$defs/hook' }]),
  ),
});

const script = {
  type: 'object',
  additionalProperties: false,
  required: ['shell', 'run'],
  properties: {
    shell: { enum: ['sh', 'pwsh'] },
    run: text,
    continueOnError: { type: 'boolean' },
    interactive: { type: 'boolean' },
  },
};

export const azdSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['name', 'services'],
  $defs: {
    // With both systems given, azd refuses a script beside them.
    hook: {
      type: 'object',
      additionalProperties: false,
      required: ['posix', 'windows'],
      properties: { posix: script, windows: script },
    },
  },
  properties: {
    name: { type: 'string', minLength: 2, pattern: '^[a-z0-9]([-a-z0-9]*[a-z0-9])?$' },
    metadata: { type: 'object', additionalProperties: false, properties: { template: text } },
    infra: {
      type: 'object',
      additionalProperties: false,
      properties: { provider: { enum: ['bicep', 'terraform'] }, path: text, module: text },
    },
    workflows: {
      type: 'object',
      additionalProperties: false,
      properties: {
        up: {
          type: 'object',
          additionalProperties: false,
          required: ['steps'],
          properties: {
            steps: {
              type: 'array',
              minItems: 1,
              items: {
                type: 'object',
                additionalProperties: false,
                required: ['azd'],
                properties: { azd: { type: 'string', pattern: '^(package|provision|publish|deploy)( --all)?$' } },
              },
            },
          },
        },
      },
    },
    hooks: hooksOf([
      'provision',
      'infracreate',
      'infradelete',
      'down',
      'up',
      'package',
      'publish',
      'deploy',
      'restore',
    ]),
    services: {
      type: 'object',
      additionalProperties: {
        type: 'object',
        additionalProperties: false,
        // A function has a project or an image, never both; `k8s`, `env` and `apiVersion` are not for functions.
        required: ['host', 'project', 'language'],
        properties: {
          host: { const: 'function' },
          project: text,
          language: { enum: ['dotnet', 'csharp', 'fsharp', 'py', 'python', 'js', 'ts', 'java', 'custom'] },
          dist: text,
          remoteBuild: { type: 'boolean' },
          hooks: hooksOf(['deploy', 'restore', 'build', 'package', 'publish']),
        },
      },
    },
  },
} as const;

import type { HostOptions } from '../../../tools/get-host-options.ts';

const durable = 'Microsoft.Azure.WebJobs.Extensions.DurableTask';
const sampling =
  'Microsoft.ApplicationInsights.WindowsServer.Channel.Implementation.SamplingPercentageEstimatorSettings';
const logLevel = 'enum Trace Debug Information Warning Error Critical None';

/**
 * The sections of host.json that are not bound to one of the packages' classes. Sources: "host.json reference for Azure
 * Functions" (Microsoft Learn) and `HostJsonFileConfigurationSource` of the Functions host.
 */
const sections: HostOptions = {
  host: {
    version: 'String',
    functionTimeout: 'TimeSpan',
    logging: 'logging',
    extensionBundle: 'bundle',
    extensions: 'extensions',
  },
  logging: { logLevel: 'logLevel', applicationInsights: 'applicationInsights', console: 'console' },
  console: { isEnabled: 'Boolean' },
  applicationInsights: { samplingSettings: 'sampling', enableLiveMetrics: 'Boolean' },
  sampling: { isEnabled: 'Boolean', excludedTypes: 'String', includedTypes: 'String' },
  bundle: { id: 'String', version: 'String' },
  extensions: {
    http: `Microsoft.Azure.WebJobs.Extensions.Http.HttpOptions`,
    durableTask: `${durable}.DurableTaskOptions`,
  },
};

const simple: Readonly<Record<string, (value: unknown) => boolean>> = {
  String: (value) => typeof value === 'string',
  Boolean: (value) => typeof value === 'boolean',
  Int32: (value) => Number.isInteger(value) && Math.abs(Number(value)) < 2 ** 31,
  Double: (value) => typeof value === 'number',
  TimeSpan: (value) =>
    typeof value === 'string' && /^(\d+\.)?([01]?\d|2[0-3]):[0-5]?\d:[0-5]?\d(\.\d{1,7})?$/.test(value),
};

/**
 * Binds host.json to the classes of the host strictly: the host itself ignores a property that it does not know.
 * @returns One text per unknown property and per value of a wrong type, with its path.
 */
export function unbound(hostJson: unknown, options: HostOptions): string[] {
  const classes: HostOptions = { ...options, ...sections, sampling: { ...options[sampling], ...sections['sampling'] } };
  return bind(hostJson, 'host', '', classes);
}

function bind(value: unknown, type: string, path: string, classes: HostOptions): string[] {
  const check = simple[type];
  if (check !== undefined) return check(value) ? [] : [`${path}: ${JSON.stringify(value)} is no ${type}`];
  if (type.startsWith('enum ')) {
    const names = type.split(' ').slice(1);
    const isName = typeof value === 'string' && names.some((name) => name.toLowerCase() === value.toLowerCase());
    return isName ? [] : [`${path}: ${JSON.stringify(value)} is none of ${names.join(', ')}`];
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return [`${path}: is no object`];
  if (type === 'logLevel')
    return Object.entries(value).flatMap(([name, each]) => bind(each, logLevel, `${path}.${name}`, {}));
  if (type.startsWith('IDictionary')) return bindStorageProvider(value, path, classes);
  const known = classes[type];
  if (known === undefined) return [`${path}: is of the type ${type}, which is not known`];
  return Object.entries(value).flatMap(([name, each]) => {
    const [, found] = Object.entries(known).find(([property]) => property.toLowerCase() === name.toLowerCase()) ?? [];
    const at = path === '' ? name : `${path}.${name}`;
    return found === undefined ? [`${at}: is unknown`] : bind(each, found, at, classes);
  });
}

/** The extension copies this dictionary into the class of the backend that `type` names. */
function bindStorageProvider(value: object, path: string, classes: HostOptions): string[] {
  const { type, ...rest } = value as { type?: unknown };
  if (type === 'AzureStorage') return bind(rest, `${durable}.AzureStorageOptions`, path, classes);
  // "Durable Task Scheduler" (Microsoft Learn). Its package is not among those that are read.
  if (type === 'azureManaged') return bind(rest, 'managed', path, { managed: { connectionStringName: 'String' } });
  return [`${path}.type: ${JSON.stringify(type)} is no backend`];
}

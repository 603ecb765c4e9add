import { type HostLog, type HostLogCategory, type HostLogLevel, hostLogLevels } from './host-log.ts';

/** The lowest level that is written; `none` for nothing. */
export type LogThreshold = HostLogLevel | 'none';

/** `logging.logLevel` of host.json: `default`, and thresholds by the start of a category, in which one `*` is any text. */
export type LogLevels = Readonly<Record<string, LogThreshold>>;

/** The name of a category on the platform (Microsoft: "Configure monitoring for Azure Functions"). */
export function categoryName(category: HostLogCategory, functionName: string | undefined): string {
  if (category === 'console') return 'Host.Function.Console';
  if (category === 'http') return 'Host.Http';
  if (functionName === undefined) return category === 'system' ? 'Host.General' : 'Worker';
  return category === 'user' ? `Function.${functionName}.User` : `Function.${functionName}`;
}

/**
 * Whether an entry is written. The longest key that matches its category decides, without regard to case, as in .NET
 * (LoggerRuleSelector).
 */
export function isLogged(levels: LogLevels, level: HostLogLevel, category: string): boolean {
  const name = category.toLowerCase();
  let threshold: LogThreshold = 'information';
  let longest = -1;
  for (const [key, candidate] of Object.entries(levels)) {
    const pattern = key.toLowerCase() === 'default' ? '' : key.toLowerCase();
    const [start = '', end = ''] = pattern.split('*');
    if (pattern.length <= longest || !name.startsWith(start) || !name.endsWith(end)) continue;
    threshold = candidate;
    longest = pattern.length;
  }
  return threshold !== 'none' && hostLogLevels.indexOf(level) >= hostLogLevels.indexOf(threshold);
}

/** Passes on the entries that the levels admit. */
export function filteredLog(log: HostLog, levels: LogLevels): HostLog {
  const decisions = new Map<string, boolean>();
  return (level, category, message, functionName) => {
    const key = `${level} ${category} ${functionName ?? ''}`;
    let logged = decisions.get(key);
    if (logged === undefined) {
      logged = isLogged(levels, level, categoryName(category, functionName));
      decisions.set(key, logged);
    }
    if (logged) log(level, category, message, functionName);
  };
}

/** What of a broker's sign-in names its applications. */
export interface NamedApplications {
  readonly tenantId: string;
  /** The delegated scope of the broker's own application: `api://TENANT/NAME/access_as_user`. */
  readonly scope: string;
}

/** What the last part of an App ID URI may be. `ptb setup api` finds the applications of a broker by it. */
export const applicationUriNamePattern = /^[a-z0-9][a-z0-9-]{1,62}$/;

/** Letters, digits, dots and hyphens, of which a shell makes nothing else. */
const plainWord = /^[A-Za-z0-9.-]+$/;

/**
 * `ptb setup api` for the applications of one broker. Without `--name`, the command would create another pair.
 * @param broker undefined: it is not known, and the command has the placeholders `TENANT_ID` and `NAME`. A part that no
 * broker has becomes a placeholder too, because people paste the command into a shell.
 * @param options the rest of the command.
 */
export function setupApiCommand(broker: NamedApplications | undefined, options: string): string {
  const { tenantId = '', scope = '' } = broker ?? {};
  const parts = scope.split('/');
  const name = parts.length === 5 ? (parts[3] ?? '') : '';
  const tenant = plainWord.test(tenantId) ? tenantId : 'TENANT_ID';
  const named = applicationUriNamePattern.test(name) ? name : 'NAME';
  return `ptb setup api --tenant ${tenant} --name ${named} ${options}`;
}

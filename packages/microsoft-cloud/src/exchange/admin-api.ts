/**
 * The Exchange Admin API (preview): POST requests, each endpoint for certain cmdlets and parameters. Source: "Exchange Online
 * Admin API endpoints reference" and the pages of the six endpoints.
 */
const endpoints: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>> = {
  organizationconfig: { 'Get-OrganizationConfig': [] },
  accepteddomain: { 'Get-AcceptedDomain': ['Identity', 'ResultSize'] },
  mailbox: {
    'Get-Mailbox': ['Identity', 'ResultSize', 'IncludeGrantSendOnBehalfToWithDisplayNames'],
    'Set-Mailbox': ['Identity', 'GrantSendOnBehalfTo'],
  },
  mailboxfolderpermission: {
    'Get-MailboxFolderPermission': ['Identity', 'ResultSize'],
    'Add-MailboxFolderPermission': [
      'Identity',
      'User',
      'AccessRights',
      'SendNotificationToUser',
      'SharingPermissionFlags',
    ],
    'Set-MailboxFolderPermission': [
      'Identity',
      'User',
      'AccessRights',
      'SendNotificationToUser',
      'SharingPermissionFlags',
    ],
    'Remove-MailboxFolderPermission': ['Identity', 'User', 'SendNotificationToUser'],
  },
  distributiongroupmember: { 'Get-DistributionGroupMember': ['Identity', 'ResultSize'] },
  dynamicdistributiongroupmember: { 'Get-DynamicDistributionGroupMember': ['Identity', 'ResultSize'] },
};

/** @param name in lower case. */
export const isAdminEndpoint = (name: string): boolean => Object.hasOwn(endpoints, name);

interface Command {
  readonly name: string;
  readonly input: Readonly<Record<string, unknown>>;
}

/** What an endpoint refuses of a command, as one text. Undefined: nothing. @param name in lower case. */
export function endpointProblem(name: string, command: Command): string | undefined {
  const same = (left: string, right: string): boolean => left.toLowerCase() === right.toLowerCase();
  const [cmdlet, known = []] = Object.entries(endpoints[name] ?? {}).find(([each]) => same(each, command.name)) ?? [];
  if (cmdlet === undefined) return `The cmdlet '${command.name.slice(0, 80)}' is not supported by this endpoint.`;
  const unknown = Object.keys(command.input).find((given) => !known.some((each) => same(each, given)));
  return unknown === undefined
    ? undefined
    : `The parameter '${unknown.slice(0, 80)}' of ${cmdlet} is not supported by this endpoint.`;
}

/** Here, `ResultSize` is the size of a page, and the whole list follows in pages. */
export function pagedCommand({ name, input }: Command): Command & { readonly pageSize: number } {
  const [given, asked] = Object.entries(input).find(([each]) => each.toLowerCase() === 'resultsize') ?? [];
  const isNumber = /^[1-9]\d*$/.test(String(asked));
  return {
    name,
    // A wrong value is refused by the cmdlet.
    input: given === undefined || !isNumber ? input : { ...input, [given]: 'Unlimited' },
    pageSize: isNumber ? Math.min(1000, Number(asked)) : 1000,
  };
}

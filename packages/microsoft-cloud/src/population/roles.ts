/** Directory roles: display name → template id. Source: "Microsoft Entra built-in roles". */
export const directoryRoles = {
  'Application Administrator': '9b895d92-2cd3-44c7-9d02-a6ac2d5ea5c3',
  'Cloud Application Administrator': '158c047a-c907-4556-b7ef-446551a6b5f7',
  'Conditional Access Administrator': 'b1be1c3e-b65d-4f19-8427-f6fa0d97feb9',
  'Directory Readers': '88d8e3e3-8f55-4a1e-953a-9b9898b8876b',
  'Exchange Administrator': '29232cdf-9323-42fd-ade2-1d097af3e4de',
  'Global Administrator': '62e90394-69f5-4237-9190-012177145e10',
  'Global Reader': 'f2ef992c-3afb-46b9-b7cf-a126ee74c451',
  'Groups Administrator': 'fdd7a751-b60b-444a-984c-02652fe8fa1c',
  'Intune Administrator': '3a2c62db-5318-420d-8d74-23affee5d9d5',
  'License Administrator': '4d6ac14f-3453-41d0-bef9-a3e0c569773a',
  'Privileged Role Administrator': 'e8611ab8-c189-46e8-94e1-60213ab1f814',
  'Reports Reader': '4a5d8f65-41da-4de4-8968-e035b65339cf',
  'Security Administrator': '194ae4cb-b126-40b2-bd5b-6091b380977d',
  'Security Reader': '5d6b6bb7-de71-4623-b4af-96380a352509',
  'SharePoint Administrator': 'f28a1f50-f6e7-4571-818b-6a12f2af6b6c',
  'User Administrator': 'fe930be7-5e62-47db-91af-98c3a49a38b1',
} as const satisfies Readonly<Record<string, string>>;

export type RoleName = keyof typeof directoryRoles;

const idsOf = (...names: readonly RoleName[]): readonly string[] => names.map((name) => directoryRoles[name]);

/**
 * Roles of a delegated administrator that allow an operation in a customer tenant. One is enough. Sources: the role
 * tables of the Graph pages "List userRegistrationDetails", "List users" (`signInActivity`) and "List applications", the
 * Exchange Online page "Permissions in Exchange Online", and the GDAP FAQ for consent.
 */
export const rolesThatAllow = {
  consent: idsOf('Application Administrator', 'Cloud Application Administrator', 'Global Administrator'),
  reports: idsOf(
    'Global Administrator',
    'Global Reader',
    'Reports Reader',
    'Security Administrator',
    'Security Reader',
  ),
  applications: idsOf(
    'Application Administrator',
    'Cloud Application Administrator',
    'Directory Readers',
    'Global Administrator',
    'Global Reader',
    'Security Administrator',
    'Security Reader',
  ),
  exchange: idsOf('Exchange Administrator', 'Global Administrator', 'Global Reader'),
} as const;

/** @param role display name or template id. @throws TypeError for an unknown role. */
export function roleIdOf(role: string): string {
  const found = Object.entries(directoryRoles).find(([name, id]) => name === role || id === role.toLowerCase());
  if (found === undefined) throw new TypeError(`There is no directory role "${role}".`);
  return found[1];
}

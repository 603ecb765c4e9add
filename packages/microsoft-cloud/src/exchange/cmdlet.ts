import type { Row } from '../graph/declaration.ts';
import type { TenantFacts } from '../population/graph/facts.ts';
import type { Profile } from '../population/graph/user-profiles.ts';
import type { TenantChanges } from './changes.ts';
import type { Parameters } from './parameters.ts';

/** What a cmdlet runs with. */
export interface CmdletContext {
  readonly facts: TenantFacts;
  readonly changes: TenantChanges;
  readonly parameters: Parameters;
  /** Adds a warning to the reply. */
  warn(text: string): void;
  /** Adds the account of a new mailbox to the directory. */
  addUser(profile: Profile): void;
  /** The clock, for what a cmdlet creates. Milliseconds since 1970. */
  readonly createdMs: number;
}

/** A cmdlet that reads objects. Its rows are filtered, cut and paged by its caller. */
export interface ReadCmdlet {
  readonly kind: 'read';
  readonly name: string;
  /** Parameters beside the common ones. */
  readonly parameters: readonly string[];
  /** Properties by which `Identity` finds an object. Missing: the cmdlet uses `Identity` itself, or has none. */
  readonly keys?: readonly string[];
  /** Properties that parameters of the same name select by, such as `RecipientTypeDetails`. */
  readonly selectors?: readonly string[];
  /** Returns at most 1,000 objects unless `ResultSize` says more. */
  readonly isLimited?: true;
  readonly rows: (context: CmdletContext) => readonly Row[];
}

/** A cmdlet that changes something. */
interface WriteCmdlet {
  readonly kind: 'write';
  readonly name: string;
  readonly parameters: readonly string[];
  readonly run: (context: CmdletContext) => readonly Row[];
}

export type Cmdlet = ReadCmdlet | WriteCmdlet;

/** Properties by which recipients are found. */
export const recipientKeys = [
  'Identity',
  'Name',
  'Alias',
  'DisplayName',
  'DistinguishedName',
  'UserPrincipalName',
  'PrimarySmtpAddress',
  'WindowsEmailAddress',
  'ExternalDirectoryObjectId',
  'Guid',
  'ExchangeGuid',
] as const;

/** Declares a cmdlet that reads recipients. */
export const recipientCmdlet = (
  name: string,
  rows: ReadCmdlet['rows'],
  more: Partial<Pick<ReadCmdlet, 'parameters' | 'selectors'>> = {},
): ReadCmdlet => ({
  kind: 'read',
  name,
  keys: recipientKeys,
  isLimited: true,
  selectors: ['RecipientTypeDetails'],
  ...more,
  parameters: ['Identity', 'Anr', 'Filter', 'SortBy', 'RecipientTypeDetails', ...(more.parameters ?? [])],
  rows,
});

/** Declares a cmdlet that reads objects of the organization's configuration, which have a name. */
export const configurationCmdlet = (
  name: string,
  rows: ReadCmdlet['rows'],
  parameters: readonly string[] = [],
): ReadCmdlet => ({
  kind: 'read',
  name,
  keys: ['Identity', 'Name', 'Guid'],
  parameters: ['Identity', ...parameters],
  rows,
});

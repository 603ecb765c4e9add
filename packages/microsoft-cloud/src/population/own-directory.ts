/** A group that the caller gives, beside the generated ones. Its members are named: users and groups of the tenant. */
export interface GroupData {
  readonly displayName: string;
  /** User principal names, and display names of other groups. */
  readonly members: readonly string[];
  /** User principal names. Default: nobody. */
  readonly owners?: readonly string[];
  /** Whether it can have directory roles. Default: false. */
  readonly isAssignableToRole?: boolean;
}

/** A directory role that a user or a group has, beside those of administrators. */
export interface RoleData {
  /** Display name or template id. */
  readonly role: string;
  /** A user principal name, or the display name of a group. */
  readonly principal: string;
  /** Display name of the administrative unit that the role is limited to. Default: the whole tenant. */
  readonly administrativeUnit?: string;
  /** True: the role can be activated, and is not active. Needs Entra ID P2. Default: false. */
  readonly isEligible?: boolean;
}

/** What a caller gives of a directory, beside its users. */
export interface OwnDirectory {
  readonly groups: readonly GroupData[];
  readonly roles: readonly RoleData[];
  readonly administrativeUnits: readonly GroupData[];
}

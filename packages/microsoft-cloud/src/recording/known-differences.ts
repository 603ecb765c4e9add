/** A difference that is accepted. */
interface KnownDifference {
  /** The title of the pair. */
  readonly title: string;
  readonly text: string;
  readonly reason: string;
}

/** Differences between the pairs of Microsoft's documentation and the simulation. */
export const knownDifferences: readonly KnownDifference[] = [
  {
    title: 'List unifiedRoleAssignments',
    text: 'value[].principal.userType: string, simulated missing',
    reason: 'Expanded users have the properties that Graph returns by default for users.',
  },
];

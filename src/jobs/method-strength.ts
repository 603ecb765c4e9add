/** `none`: no method that counts as a second factor. `unknown`: only methods that this table does not know. */
export type MethodStrength = 'strong' | 'medium' | 'unknown' | 'weak' | 'none';

/** The strongest first. A method without a row may be strong, so it comes before those that are known to be weak. */
const order: readonly MethodStrength[] = ['strong', 'medium', 'unknown', 'weak', 'none'];

/** Sorts the weakest first. Users whose methods Graph does not tell come last. */
export const byWeakness = (one: MethodStrength | null, other: MethodStrength | null): number =>
  (other === null ? -1 : order.indexOf(other)) - (one === null ? -1 : order.indexOf(one));

/**
 * Names in `methodsRegistered`. Strong: resists phishing ("userRegistrationDetails resource type"; Microsoft's Zero Trust
 * assessment, test 21782). Weak: telephone. The middle is from memory, untested.
 */
const strengths: Readonly<Record<MethodStrength, readonly string[]>> = {
  strong: [
    'fido2',
    'fido2SecurityKey',
    'passKeyDeviceBound',
    'passKeyDeviceBoundAuthenticator',
    'windowsHelloForBusiness',
  ],
  medium: [
    'hardwareOneTimePasscode',
    'microsoftAuthenticatorPasswordless',
    'microsoftAuthenticatorPush',
    'softwareOneTimePasscode',
    'temporaryAccessPass',
  ],
  unknown: [],
  weak: ['alternateMobilePhone', 'mobilePhone', 'officePhone'],
  none: ['email', 'securityQuestion'],
};

/** The strength of the best registered method. Null if the methods are not known. */
export function methodStrength(methods: readonly string[] | null | undefined): MethodStrength | null {
  if (methods === null || methods === undefined) return null;
  const found = new Set(
    methods.map((name) => order.find((strength) => strengths[strength].includes(name)) ?? 'unknown'),
  );
  return order.find((strength) => found.has(strength)) ?? 'none';
}

import type { Row } from '../../graph/declaration.ts';
import { between } from '../../seeded.ts';
import { idOf, randomOf, type TenantFacts, time } from './facts.ts';
import { type Profile, profilesOf } from './user-profiles.ts';

/** Every user has the password as a method, under this id. Source: "passwordAuthenticationMethod resource type". */
const passwordMethodId = '28c10230-6103-485e-b985-444c60001490';

/** Id of a mobile phone as a method. Source: "phoneAuthenticationMethod resource type". */
const mobilePhoneMethodId = '3179e48a-750b-4051-897c-87b9720928f7';

/** The kinds of methods, each with its own path below `users/{id}/authentication`. */
export const methodKinds = [
  { path: 'passwordMethods', type: 'passwordAuthenticationMethod' },
  { path: 'microsoftAuthenticatorMethods', type: 'microsoftAuthenticatorAuthenticationMethod' },
  { path: 'softwareOathMethods', type: 'softwareOathAuthenticationMethod' },
  { path: 'phoneMethods', type: 'phoneAuthenticationMethod' },
  { path: 'fido2Methods', type: 'fido2AuthenticationMethod' },
  { path: 'emailMethods', type: 'emailAuthenticationMethod' },
  { path: 'windowsHelloForBusinessMethods', type: 'windowsHelloForBusinessAuthenticationMethod' },
  { path: 'temporaryAccessPassMethods', type: 'temporaryAccessPassAuthenticationMethod' },
] as const;

type MethodType = (typeof methodKinds)[number]['type'];

const typed = (type: MethodType, row: Row): Row => ({ '@odata.type': `#microsoft.graph.${type}`, ...row });

/** The registered methods, by their names in the registration report. Some of those with an app have a passkey or Windows Hello. */
function registeredMethods(facts: TenantFacts, { user, index }: Profile): readonly string[] {
  const drawn = randomOf(facts, 'device-bound methods', index)();
  const more = drawn < 0.15 ? ['windowsHelloForBusiness'] : drawn < 0.25 ? ['passKeyDeviceBoundAuthenticator'] : [];
  return user.methods.includes('microsoftAuthenticatorPush') ? [...user.methods, ...more] : user.methods;
}

/** The methods of a user, which the registration report names as well. Each has its `@odata.type`. */
export function methodRows(facts: TenantFacts, profile: Profile): readonly Row[] {
  const { user, index, lastPasswordChangeMs } = profile;
  const createdDateTime = time(user.createdMs);
  const random = randomOf(facts, 'methods', index);
  const idFor = (name: string): string => idOf(facts, 'method', index, name);
  const registered: Readonly<Record<string, () => Row>> = {
    microsoftAuthenticatorPush: () =>
      typed('microsoftAuthenticatorAuthenticationMethod', {
        id: idFor('authenticator'),
        createdDateTime,
        deviceTag: 'SoftwareTokenActivated',
        displayName: 'Phone',
        phoneAppVersion: '6.2511.7533',
      }),
    softwareOneTimePasscode: () => typed('softwareOathAuthenticationMethod', { id: idFor('oath'), secretKey: null }),
    mobilePhone: () =>
      typed('phoneAuthenticationMethod', {
        id: mobilePhoneMethodId,
        phoneNumber: `+44 7700900${String(between(random, 0, 999)).padStart(3, '0')}`,
        phoneType: 'mobile',
        smsSignInState: 'notAllowedByPolicy',
      }),
    fido2SecurityKey: () =>
      typed('fido2AuthenticationMethod', {
        id: idFor('fido2'),
        aaGuid: idOf(facts, 'security key model'),
        attestationCertificates: [],
        attestationLevel: 'attested',
        createdDateTime,
        displayName: 'Security key',
        model: 'Security key',
      }),
    windowsHelloForBusiness: () =>
      typed('windowsHelloForBusinessAuthenticationMethod', {
        id: idFor('windows hello'),
        createdDateTime,
        displayName: 'Laptop',
        keyStrength: 'normal',
      }),
    passKeyDeviceBoundAuthenticator: () =>
      typed('fido2AuthenticationMethod', {
        id: idFor('passkey'),
        aaGuid: 'de1e552d-db1d-4423-a619-566b625cdc84',
        attestationCertificates: [],
        attestationLevel: 'attested',
        createdDateTime,
        displayName: 'Authenticator',
        model: 'Microsoft Authenticator',
      }),
  };
  const password = typed('passwordAuthenticationMethod', {
    id: passwordMethodId,
    createdDateTime: time(lastPasswordChangeMs),
    password: null,
  });
  return [
    password,
    ...registeredMethods(facts, profile).flatMap((name): readonly Row[] => {
      const create = registered[name];
      return create === undefined ? [] : [create()];
    }),
  ];
}

/** The report on registered methods, which leaves disabled users out. Source: issue 878 of MicrosoftDocs/entra-docs. */
export const registrationRows = (facts: TenantFacts): readonly Row[] =>
  profilesOf(facts)
    .filter(({ user }) => user.accountEnabled)
    .map((profile) => registrationRow(facts, profile));

function registrationRow(facts: TenantFacts, profile: Profile): Row {
  const { user } = profile;
  const methods = registeredMethods(facts, profile);
  const strong = methods.length > 0;
  return {
    id: user.id,
    userPrincipalName: user.userPrincipalName,
    userDisplayName: user.displayName,
    userType: user.userType.toLowerCase(),
    isAdmin: user.isAdmin,
    isSsprRegistered: strong,
    isSsprEnabled: true,
    isSsprCapable: strong,
    isMfaRegistered: strong,
    isMfaCapable: strong,
    isPasswordlessCapable: methods.some((name) => /^(?:fido2|passKey|windowsHello)/.test(name)),
    methodsRegistered: methods,
    isSystemPreferredAuthenticationMethodEnabled: true,
    systemPreferredAuthenticationMethods: strong ? ['PhoneAppNotification'] : [],
    userPreferredMethodForSecondaryAuthentication: strong ? 'push' : 'none',
    defaultMfaMethod: user.methods[0] ?? 'none',
    lastUpdatedDateTime: new Date(user.createdMs).toISOString(),
  };
}

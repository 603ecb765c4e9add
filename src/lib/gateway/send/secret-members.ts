/*
 * Members of JSON bodies that hold secrets, by their exact names in lower case without `-` and `_`. A part of a name does not
 * count: `accessTokenAcceptedVersion` or `privateHost` may be what has to be decided.
 */
const secretNames: ReadonlySet<string> = new Set(
  [
    'password newPassword oldPassword currentPassword adminPassword userPassword passwd pwd passphrase passcode',
    'secret secrets secretText clientSecret sharedSecret appSecret secretKey secretValue webhookSecret tokenSecret',
    'token accessToken refreshToken idToken bearerToken authToken apiToken sasToken sessionToken securityToken',
    'authorization proxyAuthorization cookie assertion clientAssertion temporaryAccessPass otp otpCode',
    'oneTimePassword oneTimePasscode pin pinCode devicePin psk presharedKey wifiPsk wifiPassword networkKey key',
    'privateKey apiKey accessKey accountKey sharedKey clientKey encryptionKey symmetricKey masterKey signingKey',
    'recoveryKey storageKey primaryKey secondaryKey subscriptionKey hmacKey sshKey pfx pfxBlob connectionString',
    'credential credentials clientState unlockCode recoveryPassword',
  ].flatMap((names) => names.toLowerCase().split(' ')),
);

/** Whether a member of this name holds a secret. */
export const isSecretName = (name: string): boolean => secretNames.has(name.toLowerCase().replaceAll(/[-_]/g, ''));

/** Whether the members of this name hold certificates, whose `key` is public (the Graph type keyCredential). */
export const holdsPublicKeys = (name: string): boolean => name.toLowerCase() === 'keycredentials';

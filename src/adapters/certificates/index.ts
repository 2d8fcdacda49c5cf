/** Certificates: the cluster's authority, join tokens, asking and giving, and the files where keys lie. */
export { join, type Applicant, type Membership } from './applicant.js';
export { issue, makeAuthority, type Authority } from './authority.js';
export { CredentialFiles, type StoredCredentials } from './files.js';
export { inspectCertificate, isRenewalDue, type CertificateFacts } from './inspect.js';
export { joinService, type IssuerOptions } from './issuer.js';
export { JOIN_PROTOCOL, type Member } from './join-protocol.js';
export { makeKeyAndRequest, type KeyAndRequest } from './keys.js';
export { makeToken, parseToken, type JoinToken } from './token.js';

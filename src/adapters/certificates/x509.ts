/**
 * The library that writes X.509. Its container for dependencies wants `Reflect.getMetadata` and `getOwnMetadata` when it
 * is loaded, to find what constructors take; the library's own take nothing, so what they answer may be empty.
 */
import './reflect.js';

export * from '@peculiar/x509';

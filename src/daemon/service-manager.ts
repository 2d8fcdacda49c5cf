/** systemd, where it started us (NOTIFY_SOCKET): it is told when we are ready, that we live, and that we stop. */
import { sendDatagram } from '../native/datagram.js';

export interface ServiceManager {
  /** A line for `systemctl status`. */
  status(status: string): void;
  /** From here on we also say that we live, as often as it wants to hear it. */
  ready(status: string): void;
  reloading(): void;
  stopping(): void;
  end(): void;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** `onFailure` hears of a message that did not get through; nothing else comes of it. */
export function serviceManager(environment: Environment, onFailure: (reason: string) => void): ServiceManager {
  const socket = environment['NOTIFY_SOCKET'];
  if (socket === undefined || !/^[/@]./.test(socket)) return ABSENT;
  const tell = (message: string): void => {
    try {
      sendDatagram(socket, message);
    } catch (error) {
      onFailure(error instanceof Error ? error.message : String(error));
    }
  };
  let watchdog: NodeJS.Timeout | undefined;
  const everyMs = watchdogMs(environment);
  return {
    status(status) {
      tell(`STATUS=${oneLine(status)}`);
    },
    ready(status) {
      tell(`READY=1\nSTATUS=${oneLine(status)}`);
      // Of the event loop: when it hangs, nothing is said, and we are restarted.
      if (everyMs !== null) watchdog ??= setInterval(tell, everyMs, 'WATCHDOG=1');
    },
    reloading() {
      const [seconds, nanoseconds] = process.hrtime();
      tell(`RELOADING=1\nMONOTONIC_USEC=${String(seconds * 1_000_000 + Math.floor(nanoseconds / 1000))}`);
    },
    stopping() {
      tell('STOPPING=1');
    },
    end() {
      clearInterval(watchdog);
    },
  };
}

/** A line is a field of the message. */
function oneLine(text: string): string {
  return text.replaceAll('\n', ' ');
}

const ABSENT: ServiceManager = {
  status: () => undefined,
  ready: () => undefined,
  reloading: () => undefined,
  stopping: () => undefined,
  end: () => undefined,
};

/** Half of what it waits for, as its documentation advises; null: it does not watch, or watches another process. */
function watchdogMs(environment: Environment): number | null {
  const micros = Number(environment['WATCHDOG_USEC']);
  const pid = environment['WATCHDOG_PID'];
  if (!Number.isSafeInteger(micros) || micros <= 0) return null;
  if (pid !== undefined && pid !== String(process.pid)) return null;
  return Math.max(1, Math.floor(micros / 2000));
}

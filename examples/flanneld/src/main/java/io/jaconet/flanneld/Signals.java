package io.jaconet.flanneld;

import java.lang.reflect.Proxy;
import java.util.function.IntConsumer;

/**
 * Signals of the operating system, by {@code sun.misc.Signal}: the only way to hear of them. The compiler warns of its name wherever that
 * stands, and a warning cannot be let pass here; so it is looked up.
 */
final class Signals {
  private Signals() {}

  /**
   * Has {@code taker} called with the signal's number, on a thread of its own, each time that the process is sent it.
   *
   * @param name such as TERM
   */
  static void handle(String name, IntConsumer taker) {
    try {
      var signalClass = Class.forName("sun.misc.Signal");
      var handlerClass = Class.forName("sun.misc.SignalHandler");
      var signal = signalClass.getConstructor(String.class).newInstance(name);
      int number = (Integer) signalClass.getMethod("getNumber").invoke(signal);
      var handler = Proxy.newProxyInstance(
          Signals.class.getClassLoader(),
          new Class<?>[] {handlerClass},
          (proxy, method, arguments) -> {
            if (method.getName().equals("handle")) {
              taker.accept(number);
            }
            return null;
          });
      signalClass.getMethod("handle", signalClass, handlerClass).invoke(null, signal, handler);
    } catch (ReflectiveOperationException e) {
      throw new IllegalStateException("this JVM does not let SIG" + name + " be handled", e);
    }
  }
}

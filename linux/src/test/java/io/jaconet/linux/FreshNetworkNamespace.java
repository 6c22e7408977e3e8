package io.jaconet.linux;

import com.google.common.util.concurrent.Uninterruptibles;
import java.lang.reflect.Method;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.extension.ConditionEvaluationResult;
import org.junit.jupiter.api.extension.ExecutionCondition;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.extension.InvocationInterceptor;
import org.junit.jupiter.api.extension.ReflectiveInvocationContext;

/**
 * Runs each test method on a thread of its own, which has a new network namespace. Child processes started by that thread are
 * in it too. The namespace ends with the thread.
 */
final class FreshNetworkNamespace implements ExecutionCondition, InvocationInterceptor {
  private static final int CLONE_NEWNET = 0x40000000;

  @Override
  public ConditionEvaluationResult evaluateExecutionCondition(ExtensionContext context) {
    String refusal;
    try {
      inNewNamespace(() -> {});
      return ConditionEvaluationResult.enabled("network namespaces can be made");
    } catch (SyscallException e) {
      refusal = String.valueOf(e.getMessage());
    }
    if ("true".equals(System.getenv("CI")) || Boolean.getBoolean("jaconet.requireKernel")) {
      throw new IllegalStateException("a kernel test cannot be skipped here: " + refusal);
    }
    return ConditionEvaluationResult.disabled("no network namespace can be made: " + refusal);
  }

  @Override
  public void interceptTestMethod(
      Invocation<@Nullable Void> invocation,
      ReflectiveInvocationContext<Method> invocationContext,
      ExtensionContext extensionContext)
      throws Throwable {
    inNewNamespace(invocation::proceed);
  }

  interface Body<X extends Throwable> {
    void run() throws X;
  }

  static <X extends Throwable> void inNewNamespace(Body<X> body) throws X, SyscallException {
    var failure = new AtomicReference<@Nullable Throwable>();
    var thread = new Thread(
        () -> {
          try {
            if (LibC.unshare(CLONE_NEWNET) < 0) {
              throw new SyscallException("unshare(CLONE_NEWNET)", LibC.errno());
            }
            body.run();
          } catch (Throwable e) {
            failure.set(e);
          }
        },
        "network-namespace");
    thread.start();
    Uninterruptibles.joinUninterruptibly(thread);
    rethrow(failure.get());
  }

  @SuppressWarnings("unchecked")
  private static <X extends Throwable> void rethrow(@Nullable Throwable failure) throws X {
    if (failure != null) {
      throw (X) failure;
    }
  }
}

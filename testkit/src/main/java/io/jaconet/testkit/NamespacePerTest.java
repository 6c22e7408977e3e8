package io.jaconet.testkit;

import static java.util.Objects.requireNonNull;

import io.jaconet.linux.NetworkNamespace;
import java.io.IOException;
import java.lang.reflect.Method;
import org.junit.jupiter.api.extension.BeforeEachCallback;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.extension.ExtensionContext.Namespace;
import org.junit.jupiter.api.extension.InvocationInterceptor;
import org.junit.jupiter.api.extension.ParameterContext;
import org.junit.jupiter.api.extension.ParameterResolver;
import org.junit.jupiter.api.extension.ReflectiveInvocationContext;
import org.opentest4j.TestAbortedException;

/** Does what {@link InNetworkNamespace} promises. */
final class NamespacePerTest
    implements BeforeEachCallback, ParameterResolver, InvocationInterceptor {
  private static final Namespace KEY = Namespace.create(NamespacePerTest.class);

  NamespacePerTest() {}

  /** The store closes it when the test is over. */
  private record Held(NetworkNamespace namespace) implements AutoCloseable {
    @Override
    public void close() {
      namespace.close();
    }
  }

  @Override
  public void beforeEach(ExtensionContext context) {
    context.getStore(KEY).put(Held.class, new Held(create()));
  }

  private static NetworkNamespace create() {
    try {
      return NetworkNamespace.createAnonymous();
    } catch (IOException e) {
      if (Boolean.getBoolean("jaconet.requireKernel") || "true".equals(System.getenv("CI"))) {
        throw new AssertionError("kernel tests are required here", e);
      }
      throw new TestAbortedException(String.valueOf(e.getMessage()), e);
    }
  }

  private static NetworkNamespace namespace(ExtensionContext context) {
    return requireNonNull(context.getStore(KEY).get(Held.class, Held.class)).namespace();
  }

  @Override
  public boolean supportsParameter(ParameterContext parameter, ExtensionContext context) {
    return parameter.getParameter().getType() == NetworkNamespace.class
        && context.getStore(KEY).get(Held.class) != null;
  }

  @Override
  public Object resolveParameter(ParameterContext parameter, ExtensionContext context) {
    return namespace(context);
  }

  @Override
  public void interceptTestMethod(
      Invocation<Void> body, ReflectiveInvocationContext<Method> method, ExtensionContext context)
      throws Throwable {
    runInside(body, context);
  }

  @Override
  public void interceptTestTemplateMethod(
      Invocation<Void> body, ReflectiveInvocationContext<Method> method, ExtensionContext context)
      throws Throwable {
    runInside(body, context);
  }

  @Override
  public void interceptBeforeEachMethod(
      Invocation<Void> body, ReflectiveInvocationContext<Method> method, ExtensionContext context)
      throws Throwable {
    runInside(body, context);
  }

  @Override
  public void interceptAfterEachMethod(
      Invocation<Void> body, ReflectiveInvocationContext<Method> method, ExtensionContext context)
      throws Throwable {
    runInside(body, context);
  }

  private static void runInside(Invocation<Void> body, ExtensionContext context) throws Exception {
    namespace(context).<Exception>run(() -> proceed(body));
  }

  private static void proceed(Invocation<Void> body) throws Exception {
    try {
      body.proceed();
    } catch (Exception | Error e) {
      throw e;
    } catch (Throwable e) {
      throw new AssertionError(e);
    }
  }
}

package io.jaconet.testkit;

import java.lang.annotation.ElementType;
import java.lang.annotation.Inherited;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;
import org.junit.jupiter.api.extension.ExtendWith;

/**
 * Runs each test method, with its {@code @BeforeEach} and {@code @AfterEach} methods, inside a fresh network namespace that has
 * nothing but a loopback interface, down. They may take it as a parameter of type {@link io.jaconet.linux.NetworkNamespace}. It
 * ends with the test.
 *
 * <p>Where namespaces cannot be made (that takes root, or {@code unshare -Urnm}), the test is skipped with the reason; it fails
 * instead if the environment has {@code CI=true} or the system property {@code jaconet.requireKernel} is true.
 */
@Target({ElementType.TYPE, ElementType.METHOD})
@Retention(RetentionPolicy.RUNTIME)
@Inherited
@ExtendWith(NamespacePerTest.class)
public @interface InNetworkNamespace {}

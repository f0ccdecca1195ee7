import numpy as np
import pytest

from graphc.errors import GraphcError
from graphc.keras import backend as K
from graphc.keras.layers import Dense, Lambda
from graphc.keras.models import Sequential

X = np.array([[0.5, -2.0, 3.25], [1.5, 4.0, -0.75]], "float32")


@pytest.fixture(autouse=True)
def _fresh_phase() -> object:
    K.clear_session()
    yield
    K.clear_session()


def test_inputs_of_any_batch_size_and_number_type() -> None:
    x = K.placeholder(shape=(None, 3))
    f = K.function([x], [K.sum(x, axis=1), x * 2.0])
    for rows in (X, X[:1], X.astype("float64"), X.tolist(), X.astype("int64")):
        total, double = f([rows])
        np.testing.assert_allclose(total, np.asarray(rows, "float32").sum(1), rtol=1e-6)
        assert double.dtype == "float32"


def test_updates_see_the_values_before_the_call() -> None:
    a, b = K.variable(1.0), K.variable(10.0)
    f = K.function([], [a + b], updates=[(a, b), (b, a), K.update_add(K.variable(0.0), 1.0)])
    assert f([]) == [11.0]
    assert (K.get_value(a), K.get_value(b)) == (10, 1)


def test_updates_of_one_variable_follow_each_other() -> None:
    a = K.variable(4.0)
    K.function([], [], updates=[K.update_add(a, 3.0), K.update_sub(a, 1.0), (a, a * 2.0)])([])
    assert K.get_value(a) == 12


def test_moving_average() -> None:
    a = K.variable([1.0, 2.0])
    K.function([], [], updates=[K.moving_average_update(a, K.constant([3.0, 6.0]), 0.75)])([])
    np.testing.assert_allclose(K.get_value(a), [1.5, 3.0])


def test_intermediate_tensors_and_variables_can_be_fed() -> None:
    x, v = K.placeholder(shape=(None, 3)), K.variable([1.0, 2.0, 3.0])
    hidden = x * 2.0
    output = hidden + v
    np.testing.assert_array_equal(K.function([hidden], [output])([X])[0], X + [1, 2, 3])
    np.testing.assert_array_equal(K.function([x, v], [output])([X, [0, 0, 1]])[0], 2 * X + [0, 0, 1])
    np.testing.assert_array_equal(K.function([x], [output])([X])[0], 2 * X + [1, 2, 3])


def test_tensors_can_be_fed() -> None:
    x = K.placeholder(shape=(None, 3))
    f = K.function([x], [x * 2.0])
    np.testing.assert_array_equal(f([K.constant(X) + 1.0])[0], 2 * (X + 1))
    np.testing.assert_array_equal(f([X])[0], 2 * X)


def test_the_learning_phase_chooses_the_program() -> None:
    x = K.placeholder(shape=(None, 3))
    y = K.in_train_phase(x * 2.0, lambda: x * 3.0)
    assert y._uses_learning_phase
    assert not x._uses_learning_phase
    f = K.function([x, K.learning_phase()], [y, K.in_test_phase(x, -x)])
    for phase, factor, sign in [(1, 2, -1), (0, 3, 1), (True, 2, -1), (0.0, 3, 1)]:
        first, second = f([X, phase])
        np.testing.assert_array_equal(first, factor * X)
        np.testing.assert_array_equal(second, sign * X)
    np.testing.assert_array_equal(K.function([x], [y])([X])[0], 3 * X)
    np.testing.assert_array_equal(f.executable(1)(X)[0], 2 * X)


def test_a_fixed_learning_phase_leaves_no_choice() -> None:
    x = K.placeholder(shape=(None, 3))
    K.set_learning_phase(1)
    y = K.in_train_phase(x * 2.0, x * 3.0)
    assert K.learning_phase() == 1
    assert not y._uses_learning_phase
    np.testing.assert_array_equal(K.function([x], [y])([X])[0], 2 * X)
    assert K.in_train_phase("train", "test", training=0) == "test"
    with pytest.raises(ValueError, match="0 or 1"):
        K.set_learning_phase(2)


def test_feed_dict_is_read_at_each_call_and_fetches_update() -> None:
    x, y, v = K.placeholder(shape=()), K.placeholder(shape=()), K.variable(0.0)
    fed = {y: 3.0}
    f = K.function([x], [x + 1.0], feed_dict=fed, fetches=[K.update(v, y * 10.0)])
    assert f([10.0]) == [11.0]
    assert K.get_value(v) == 30
    fed[y] = 4.0
    f([20.0])
    assert K.get_value(v) == 40


def test_printed_tensors(capsys: pytest.CaptureFixture[str]) -> None:
    x = K.placeholder(shape=(None,))
    outputs = K.function([x], [K.print_tensor(x * 2.0, "doubled:") + 1.0])([[1.5, 2.5]])
    assert len(outputs) == 1
    np.testing.assert_array_equal(outputs[0], [4, 6])
    assert capsys.readouterr().err == "doubled: [3. 5.]\n"


def test_tensors_are_printed_in_training_too(capsys: pytest.CaptureFixture[str]) -> None:
    model = Sequential([Lambda(lambda x: K.print_tensor(x, "seen:"), input_shape=(1,)), Dense(1)])
    model.compile("sgd", "mse")
    model.fit(np.array([[1.0], [2.0]]), np.ones((2, 1)), batch_size=1, epochs=2, verbose=0, shuffle=False)
    assert capsys.readouterr().err == "seen: [[1.]]\nseen: [[2.]]\n" * 2


def test_what_is_no_list_is_refused() -> None:
    x = K.placeholder(shape=(None,))
    for arguments in [(x, [x]), ([x], x), ([x], [x], x)]:
        with pytest.raises(TypeError, match="list or tuple"):
            K.function(*arguments)
    f = K.function([x], [x])
    with pytest.raises(TypeError, match="list or tuple"):
        f(np.ones(3))
    with pytest.raises(GraphcError, match="1 inputs; 0 values"):
        f([])
    with pytest.raises(ValueError, match="nonsense"):
        K.function([x], [x], nonsense=3)
    with pytest.raises(GraphcError, match="only variables"):
        K.function([x], [x], updates=[(x, x + 1.0)])


def test_a_value_that_does_not_fit_is_refused_and_changes_nothing() -> None:
    x, v = K.placeholder(shape=(None, 3), name="features"), K.variable(5.0)
    f = K.function([x], [x], updates=[(v, v + 1.0)])
    for bad in (np.ones((2, 4)), np.ones(3), [[1, 2, 3], [4]], [["a", "b", "c"]], np.full((2, 3), 1j)):
        with pytest.raises(GraphcError, match="features"):
            f([bad])
    assert K.get_value(v) == 5


def test_uids_and_names_start_again_with_the_session() -> None:
    assert [K.get_uid("dense"), K.get_uid("dense"), K.get_uid("lstm")] == [1, 2, 1]
    K.reset_uids()
    assert K.get_uid("dense") == 1
    names = [K.variable(0.0).name for _ in range(2)]
    assert names == ["Variable:0", "Variable_1:0"]
    old = K.learning_phase()
    assert K.learning_phase() is old
    K.clear_session()
    assert K.learning_phase() is not old


def test_an_input_that_is_missing_is_told_when_the_function_is_made() -> None:
    x, y = K.placeholder(shape=(None, 3), name="x"), K.placeholder(shape=(None, 3), name="y")
    hidden = x * 2.0
    with pytest.raises(GraphcError, match=r"the outputs need 'y' .*not among the inputs of K.function \(x\)"):
        K.function([x], [hidden + y])
    with pytest.raises(GraphcError, match=r"the outputs need 'x' .*K.function \(none\)"):
        K.function([], [], updates=[K.update_add(K.variable(np.zeros(3)), K.sum(x, axis=0))])
    (value,) = K.function([hidden], [hidden + y], feed_dict={y: X})([X])
    np.testing.assert_array_equal(value, 2 * X)
    (value,) = K.function([x], [K.in_train_phase(x, hidden)])([X])
    np.testing.assert_array_equal(value, 2 * X)

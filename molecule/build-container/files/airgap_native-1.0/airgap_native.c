/* Copyright (c) 2026, the airgap.conda contributors
 * GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
 *
 * Threads moved into the C library with glibc 2.34: what is linked there asks for pthread_create of GLIBC_2.34,
 * what is linked with an older glibc for the one of GLIBC_2.2.5, which newer ones still have.
 */
#include <Python.h>
#include <gnu/libc-version.h>
#include <pthread.h>

#define TEXT(x) #x
#define VERSION(major, minor) TEXT(major) "." TEXT(minor)
#define BUILT_WITH VERSION(__GLIBC__, __GLIBC_MINOR__)

static void *work(void *answer)
{
    *(int *)answer = 42;
    return NULL;
}

static PyObject *run(PyObject *self, PyObject *none)
{
    pthread_t thread;
    int answer = 0;
    (void)self;
    (void)none;
    if (pthread_create(&thread, NULL, work, &answer) != 0)
        return PyErr_SetFromErrno(PyExc_OSError);
    pthread_join(thread, NULL);
    return Py_BuildValue("(iss)", answer, BUILT_WITH, gnu_get_libc_version());
}

static PyMethodDef methods[] = {
    {"run", run, METH_NOARGS, "Return 42 from a thread, the glibc this was built with, and the one it runs with."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "airgap_native", NULL, -1, methods, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit_airgap_native(void)
{
    return PyModule_Create(&module);
}
